//! What the starter of a local manager holds of it.
use std::net::{IpAddr, SocketAddr};

use tokio::{sync::watch, task::JoinHandle};

use crate::Error;

/// Where a ready local manager is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The device's `InternalIP`.
    pub device: IpAddr,
    /// What workers report to: `POST /sedna/workers/{name}/info`.
    pub workers: SocketAddr,
    /// What `kubectl logs` reads; none on nodes whose kubelet does this.
    pub logs: Option<SocketAddr>,
}

/// A running local manager. Dropping the handle does not stop it; cancelling the token it was started with does.
#[derive(Debug)]
pub struct Handle {
    pub(crate) ready: watch::Receiver<Option<Addresses>>,
    pub(crate) task: JoinHandle<Result<(), Error>>,
}

impl Handle {
    /// Waits until the node is registered and pods bound to it are run; tells where. None if the local manager ended
    /// before: [`Handle::finished`] says why.
    pub async fn ready(&mut self) -> Option<Addresses> {
        self.ready.wait_for(Option::is_some).await.ok().and_then(|addresses| *addresses)
    }

    /// Waits for the end; the workers have been stopped then, where the options said so.
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
