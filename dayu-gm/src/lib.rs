//! The global manager: turns custom resources into workers on chosen devices.
//!
//! A composition and nothing more: one [engine](dayu_core::engine) per kind over one shared world, the [link] to the local
//! managers, the Lease that says who is in charge and where to connect. What a kind means is its template's business.
mod crds;
mod error;
mod handle;
mod lease;
pub mod link;
mod manager;
mod metrics;
mod options;
mod plight;
mod relay;
mod status;

use dayu_core::connect::{Term, client_while};
use kube::Client;
use lease::{Deadline, Tenure};
use tokio_util::sync::CancellationToken;

pub use error::Error;
pub use handle::{Addresses, Handle};
pub use options::Options;

/// Runs the global manager that `options` describe until `shutdown` is cancelled, in a process of its own: where that is stopped
/// while it leads, for so long that others may lead, the kernel kills it, since it might still send what it was about to.
///
/// # Errors
/// See [`Error`]. An API server that cannot be reached is none: it is tried again for ever.
pub async fn run(options: Options, shutdown: CancellationToken) -> Result<(), Error> {
    let term = Term::default();
    let client = client_while(options.kubeconfig.as_deref(), term.clone()).await?;
    let deadline = Deadline::new().inspect_err(
        |error| tracing::warn!(%error, "no timer: nobody ends this process if it is stopped while it leads"),
    );
    let tenure = Tenure { term, deadline: deadline.ok() };
    Handle::spawn(|announce| manager::run(client, tenure, options, announce, shutdown)).finished().await
}

/// Starts a global manager with a `client` of the caller's; `options.kubeconfig` is not read.
pub fn run_with(client: Client, options: Options, shutdown: CancellationToken) -> Handle {
    Handle::spawn(|announce| manager::run(client, Tenure::default(), options, announce, shutdown))
}
