//! The local manager of one device: keeps the device's workers alive and speaks for it to the global manager.
//!
//! It registers the device as a Node where nobody has, runs the pods bound to it through a
//! [`dayu_core::worker::Runtime`], tells their state truthfully, and carries the [`link`]. What to do about a worker is
//! decided by the pure steps of [`dayu_core::worker`]; this crate performs.
mod connect;
mod error;
mod handle;
pub mod link;
mod manager;
mod options;

use kube::Client;
use tokio_util::sync::CancellationToken;

pub use error::Error;
pub use handle::{Addresses, Handle};
pub use options::Options;

/// Runs the local manager that `options` describe until `shutdown` is cancelled.
///
/// # Errors
/// See [`Error`]. An API server that cannot be reached is none: it is tried again for ever, and workers known from
/// before are looked after meanwhile.
pub async fn run(options: Options, shutdown: CancellationToken) -> Result<(), Error> {
    let client = connect::client(&options).await?;
    run_with(client, options, shutdown).finished().await
}

/// Starts a local manager with a `client` of the caller's; `options.kubeconfig` is not read.
pub fn run_with(client: Client, options: Options, shutdown: CancellationToken) -> Handle {
    let (announce, ready) = tokio::sync::watch::channel(None);
    let task = tokio::spawn(manager::run(client, options, announce, shutdown));
    Handle { ready, task }
}
