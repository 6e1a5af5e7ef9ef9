//! What the starter of a mesh holds of it.
use std::{net::SocketAddr, sync::Arc};

use dayu_core::daemon;

use crate::{Count, Error, stats::Stats};

/// Where a ready mesh is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The status and directory API.
    pub status: SocketAddr,
    /// The HTTP front for names.
    pub front: SocketAddr,
}

/// A running mesh. Dropping the handle does not stop it; cancelling the token it was started with does.
#[derive(Debug)]
pub struct Handle {
    pub(crate) daemon: daemon::Handle<Addresses, Error>,
    pub(crate) stats: Arc<Stats>,
}

impl Handle {
    /// Waits until the directory is synchronised and the listeners of everything then known are up; tells where. None
    /// if the mesh ended before: [`Handle::finished`] says why.
    pub async fn ready(&mut self) -> Option<Addresses> {
        self.daemon.ready().await
    }

    /// How many requests each endpoint was given so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Count> {
        self.stats.counts()
    }

    /// Ends it as a crash would: connections are cut, and nothing is given back.
    pub fn abort(&self) {
        self.daemon.abort();
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// Why it ended, unless it was told to.
    pub async fn finished(self) -> Result<(), Error> {
        self.daemon.finished().await
    }
}
