//! Why a mesh cannot start or go on.
use std::{io, net::SocketAddr};

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
}
