//! Why a local manager cannot start or go on.
use std::{io, net::SocketAddr, path::PathBuf};

use dayu_core::name::Device;

/// What ends a local manager. Everything that concerns one worker only is told in its pod's status and events instead.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No client for the API can be made.
    #[error(transparent)]
    Connect(#[from] dayu_core::connect::ConnectError),
    /// The data directory cannot be used.
    #[error("data directory {path}: {source}; pass --data DIR with a folder that this user may write")]
    Data {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another local manager works on the same data.
    #[error("data directory {path} is in use by another local manager; stop it, or pass another --data DIR")]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// An address that every local manager needs is taken.
    #[error(
        "cannot serve {what} of device {device} on {address}: {source}; free the address (`ss -ltnp` says who holds it), or stop the other local manager of this device"
    )]
    Bind {
        /// `workers' reports` or `logs`.
        what: &'static str,
        /// The device.
        device: Device,
        /// The address that cannot be bound.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The status API cannot be served.
    #[error(
        "cannot serve the status API of device {device} on {address}: {source}; free the port (`ss -ltnp` says who holds it) or choose another with --status"
    )]
    Status {
        /// The device.
        device: Device,
        /// What was to be bound.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The Node has a pod network that no addresses can be taken from.
    #[error("{source}")]
    Network {
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
