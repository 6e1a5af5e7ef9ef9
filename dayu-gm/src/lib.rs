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

use kube::Client;
use lease::Term;
use tokio_util::sync::CancellationToken;

pub use error::Error;
pub use handle::{Addresses, Handle};
pub use options::Options;

/// Runs the global manager that `options` describe until `shutdown` is cancelled.
///
/// # Errors
/// See [`Error`]. An API server that cannot be reached is none: it is tried again for ever.
pub async fn run(options: Options, shutdown: CancellationToken) -> Result<(), Error> {
    let term = Term::default();
    let fence = term.clone();
    let client = dayu_core::connect::client_while(options.kubeconfig.as_deref(), move || fence.holds()).await?;
    start(client, term, options, shutdown).finished().await
}

/// Starts a global manager with a `client` of the caller's; `options.kubeconfig` is not read.
pub fn run_with(client: Client, options: Options, shutdown: CancellationToken) -> Handle {
    start(client, Term::default(), options, shutdown)
}

fn start(client: Client, term: Term, options: Options, shutdown: CancellationToken) -> Handle {
    Handle::spawn(|announce| manager::run(client, term, options, announce, shutdown))
}
