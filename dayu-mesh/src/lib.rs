//! The mesh of one device: carries its workers' traffic to the device they name, and never by accident elsewhere.
//!
//! It watches Services, EndpointSlices and Nodes into `dayu-core`'s directory, keeps the listeners that the directory
//! asks for, picks an endpoint per connection or request with `dayu-core`'s balance stack, dials and copies. It remembers what it
//! knows, for a start without the API. What it knows and does is told on a read-only status API, and so is what keeps it from its work. It never changes an object.
mod carry;
mod control;
mod dial;
mod dns;
mod error;
mod feed;
mod front;
mod handle;
mod limits;
mod listen;
mod memory;
mod mesh;
mod options;
pub mod relay;
mod retry;
mod seldom;
mod silence;
pub mod source;
mod stats;
mod status;
mod verdict;
mod way;

use std::sync::Arc;

use dayu_core::{connect, daemon, directory::Source};
use kube::Client;
use tokio_util::sync::CancellationToken;

pub use error::Error;
pub use handle::{Addresses, Handle};
pub use options::Options;
pub use stats::Count;

/// Runs the mesh that `options` describe until `shutdown` is cancelled, and what it carries then has come to its end or has had
/// the time for it.
///
/// # Errors
/// See [`Error`]. An API server that cannot be reached is none: it is tried again for ever.
pub async fn run(options: Options, shutdown: CancellationToken) -> Result<(), Error> {
    let client = connect::client(options.kubeconfig.as_deref()).await?;
    let cluster = connect::cluster(options.kubeconfig.as_deref()).await?;
    let options = Options { cluster, ..options };
    run_with(client, options, shutdown).finished().await
}

/// Starts a mesh with a `client` of the caller's; `options.kubeconfig` is not read, and `options.cluster` is the caller's to say.
pub fn run_with(client: Client, options: Options, shutdown: CancellationToken) -> Handle {
    run_from(Box::new(source::Kubernetes::new(client)), options, shutdown)
}

/// Starts a mesh that knows what `source` tells, wherever that has it from. It recalls what it knew before if the source can go on
/// from there: see [`Source::changes_from`].
pub fn run_from(source: Box<dyn Source>, options: Options, shutdown: CancellationToken) -> Handle {
    let stats = Arc::new(stats::Stats::default());
    let counters = Arc::clone(&stats);
    let daemon = daemon::Handle::spawn(|announce| Box::pin(mesh::run(source, options, counters, announce, shutdown)));
    Handle { daemon, stats }
}
