//! What the starter of a local manager holds of it.
use std::net::{IpAddr, SocketAddr};

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

/// A running local manager. It is ready when the node is registered and pods bound to it are run; when it is finished, the workers
/// have been stopped where the options said so.
pub type Handle = dayu_core::daemon::Handle<Addresses, Error>;
