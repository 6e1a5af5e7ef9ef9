//! What the starter of a global manager holds of it.
use std::net::SocketAddr;

use tokio::{sync::watch, task::JoinHandle};

use crate::Error;

/// Where a ready global manager is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Where local managers connect.
    pub link: SocketAddr,
}

/// A running global manager. Dropping the handle does not stop it; cancelling the token it was started with does.
#[derive(Debug)]
pub struct Handle {
    pub(crate) ready: watch::Receiver<Option<Addresses>>,
    pub(crate) task: JoinHandle<Result<(), Error>>,
}

impl Handle {
    /// Waits until the manager is in charge, the definitions are installed and the link is up; tells where. None if the
    /// manager ended before: [`Handle::finished`] says why.
    pub async fn ready(&mut self) -> Option<Addresses> {
        self.ready.wait_for(Option::is_some).await.ok().and_then(|addresses| *addresses)
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// Why it ended, unless it was told to.
    pub async fn finished(self) -> Result<(), Error> {
        match self.task.await {
            Ok(ended) => ended,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_aborted) => Ok(()),
        }
    }
}
