//! The mesh of one device: carries its workers' traffic to the device they name, and never by accident elsewhere.
//!
//! It watches Services, EndpointSlices and Nodes into `dayu-core`'s directory, keeps the listeners that the directory
//! asks for, picks an endpoint per connection or request with `dayu-core`'s balance stack, dials and copies. What it
//! knows and does is told on a read-only status API. It never changes an object.
mod connect;
mod error;
mod handle;
mod mesh;
mod node;
mod options;

use kube::Client;
use tokio_util::sync::CancellationToken;

pub use error::Error;
pub use handle::{Addresses, Handle};
pub use options::Options;

/// Runs the mesh that `options` describe until `shutdown` is cancelled.
///
/// # Errors
/// See [`Error`]. An API server that cannot be reached is none: it is tried again for ever.
pub async fn run(options: Options, shutdown: CancellationToken) -> Result<(), Error> {
    let client = connect::client(&options).await?;
    run_with(client, options, shutdown).finished().await
}

/// Starts a mesh with a `client` of the caller's; `options.kubeconfig` is not read.
pub fn run_with(client: Client, options: Options, shutdown: CancellationToken) -> Handle {
    let (announce, ready) = tokio::sync::watch::channel(None);
    let task = tokio::spawn(async move {
        tokio::select! {
            ended = mesh::run(client, options, announce) => ended,
            () = shutdown.cancelled() => Ok(()),
        }
    });
    Handle { ready, task }
}
