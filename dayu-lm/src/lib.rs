//! The local manager of one device: keeps the device's workers alive and speaks for it to the global manager.
//!
//! It registers the device as a Node where nobody has, runs the pods bound to it through a
//! [`dayu_core::worker::Runtime`], tells their state truthfully, and carries the [`link`]. What to do about a worker is
//! decided by the pure steps of [`dayu_core::worker`]; this crate performs.
mod clock;
mod descriptor;
mod device;
mod error;
mod handle;
mod keep;
pub mod link;
mod log;
mod manager;
mod metrics;
mod node;
mod options;
mod patience;
mod pods;
mod prepare;
pub mod runtime;
mod serve;

use std::sync::Arc;

use dayu_core::worker::Runtime;
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
    let client = dayu_core::connect::client(options.kubeconfig.as_deref()).await?;
    run_with(client, options, shutdown).finished().await
}

/// Starts a local manager with a `client` of the caller's; `options.kubeconfig` is not read. Workers are processes.
pub fn run_with(client: Client, options: Options, shutdown: CancellationToken) -> Handle {
    let runtime = Arc::new(runtime::process::ProcessRuntime::new(options.data_dir()));
    run_with_runtime(client, options, runtime, shutdown)
}

/// As [`run_with`], with workers run by `runtime`.
pub fn run_with_runtime(
    client: Client,
    options: Options,
    runtime: Arc<dyn Runtime>,
    shutdown: CancellationToken,
) -> Handle {
    Handle::spawn(|announce| manager::run(client, options, runtime, announce, shutdown))
}
