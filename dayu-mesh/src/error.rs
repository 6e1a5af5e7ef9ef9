//! Why a mesh cannot start or go on.
use std::{io, net::SocketAddr, path::PathBuf};

use dayu_core::name::Device;

/// What ends a mesh. Everything that concerns one service only is reported on the status API instead.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No client for the API can be made.
    #[error(transparent)]
    Connect(#[from] dayu_core::connect::ConnectError),
    /// An address that every mesh needs is taken.
    #[error(
        "cannot serve {what} of device {device} on {address}: {source}; free the address (`ss -ltnp` says who holds it), or stop the other mesh of this device"
    )]
    Bind {
        /// `the status API` or `the HTTP front`.
        what: &'static str,
        /// The device that this mesh serves.
        device: Device,
        /// The address that cannot be bound.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The Unix socket that it was told to serve on cannot be made.
    #[error(
        "cannot serve the status API on the socket {path}: {source}; its folder must be there, writable and without another file of that name, or name another --socket"
    )]
    Socket {
        /// Where it was to be.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}
