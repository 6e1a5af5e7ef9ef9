//! What the starter of a global manager holds of it.
use std::net::SocketAddr;

use tokio::{sync::watch, task::JoinHandle};

use crate::Error;

/// Where a ready global manager is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Where local managers connect.
    pub link: SocketAddr,
    /// Where health, readiness and metrics are served, if they are.
    pub status: Option<SocketAddr>,
}

/// A running global manager. Dropping the handle does not stop it; cancelling the token it was started with does.
#[derive(Debug)]
pub struct Handle {
    pub(crate) ready: watch::Receiver<Option<Addresses>>,
    pub(crate) task: JoinHandle<Result<(), Error>>,
}

impl Handle {
    /// Waits until the manager is in charge, the definitions are installed and the engines run; tells where the link is.
    /// None if the manager ended before: [`Handle::finished`] says why. One that stands by waits here until it takes over.
    pub async fn ready(&mut self) -> Option<Addresses> {
        self.ready.wait_for(Option::is_some).await.ok().and_then(|addresses| *addresses)
    }

    /// Ends it as a crash would: nothing is finished, and the Lease is not given back.
    pub fn abort(&self) {
        self.task.abort();
    }

    /// Waits for the end: what had begun is finished then, and the Lease given back.
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
