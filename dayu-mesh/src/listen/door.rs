//! How many may come in: nothing that peers can make the mesh hold is without a bound, and none of them can take it all.
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{seldom::Seldom, stats::Stats};

/// The bounds that all listeners share.
#[derive(Clone)]
pub(crate) struct Gate {
    all: Arc<Semaphore>,
    /// At one listener: half of all, so that one that is flooded leaves room for the others.
    each: usize,
    stats: Arc<Stats>,
}

/// Who may still come in at one listener.
pub(crate) struct Door {
    gate: Gate,
    own: Arc<Semaphore>,
    /// What it leads to, for people.
    name: String,
    said: Seldom,
}

/// Room for one connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Permit(#[allow(dead_code)] [OwnedSemaphorePermit; 2]); // Held, never read.

/// Why a connection is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    #[error("it has as many connections as one address may have; close idle ones, or raise --connections")]
    Listener,
    #[error("the mesh has as many connections as it may have; close idle ones, or raise --connections")]
    Mesh,
    #[error("the process may open no more files; raise its limit (`ulimit -n`) or lower --connections")]
    Files,
}

impl Gate {
    /// At most so many `connections` at once, and half of them at one listener; refusals are counted in `stats`.
    pub(crate) fn new(connections: usize, stats: Arc<Stats>) -> Self {
        let connections = connections.clamp(2, Semaphore::MAX_PERMITS);
        Self { all: Arc::new(Semaphore::new(connections)), each: connections / 2, stats }
    }

    /// The door to what people call `name`.
    pub(crate) fn door(&self, name: String) -> Door {
        Door { own: Arc::new(Semaphore::new(self.each)), gate: self.clone(), name, said: Seldom::default() }
    }
}

impl Door {
    /// Room for one more, if there is any.
    pub(super) fn enter(&self) -> Result<Permit, Full> {
        let own = Arc::clone(&self.own).try_acquire_owned().map_err(|_| Full::Listener)?;
        let all = Arc::clone(&self.gate.all).try_acquire_owned().map_err(|_| Full::Mesh)?;
        Ok(Permit([own, all]))
    }

    /// Counts a connection that was not let in, and says so once in a while.
    pub(super) fn refused(&self, why: Full) {
        self.gate.stats.refused(why.reason());
        if let Some(count) = self.said.say() {
            tracing::warn!(count, "{}: connections are refused: {why}", self.name);
        }
    }
}

impl Full {
    fn reason(self) -> &'static str {
        match self {
            Self::Listener => "ListenerFull",
            Self::Mesh => "MeshFull",
            Self::Files => "NoFiles",
        }
    }
}
