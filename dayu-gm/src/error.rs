//! Why a global manager could not start, or ended.
use std::net::SocketAddr;

use crate::link::LinkError;

/// Why a global manager could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No client for the API can be made.
    #[error(transparent)]
    Connect(#[from] dayu_core::connect::ConnectError),
    /// The link cannot be served.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The status API cannot be served.
    #[error(
        "cannot serve the status API of the global manager on {address}: {source}; free the port (`ss -ltnp` says who holds it) or choose another with --status"
    )]
    Status {
        /// What was to be bound.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// No key for the link.
    #[error(transparent)]
    Identity(#[from] dayu_core::connect::IdentityError),
    /// Nobody can connect to an unspecified address.
    #[error("--link-listen {0} is no address that a device can connect to; say --link-advertise HOST:PORT as well")]
    Unadvertised(SocketAddr),
}
