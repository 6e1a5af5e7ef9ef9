//! What the starter of a global manager holds of it.
use std::net::SocketAddr;

use crate::Error;

/// Where a ready global manager is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Where local managers connect.
    pub link: SocketAddr,
    /// Where health, readiness and metrics are served, if they are.
    pub status: Option<SocketAddr>,
}

/// A running global manager. It is ready when it is in charge, the definitions are installed and the engines run: one that stands
/// by is ready when it takes over. [Aborted](dayu_core::daemon::Handle::abort), it does not give its Lease back.
pub type Handle = dayu_core::daemon::Handle<Addresses, Error>;
