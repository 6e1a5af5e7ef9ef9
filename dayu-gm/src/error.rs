//! Why a global manager could not start, or ended.
use std::path::PathBuf;

use crate::link::LinkError;

/// Why a global manager could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kubeconfig cannot be used.
    #[error("kubeconfig {path}: {source}; name a readable kubeconfig with --kubeconfig")]
    Kubeconfig {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        source: kube::config::KubeconfigError,
    },
    /// Nothing says where the API is.
    #[error("no way to the API is configured: {0}; pass --kubeconfig FILE or set KUBECONFIG")]
    Nowhere(#[from] kube::config::InferConfigError),
    /// No client can be made.
    #[error("cannot make a client for the API: {0}")]
    Client(kube::Error),
    /// The link cannot be served.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// A definition cannot be installed.
    #[error(
        "custom resource definition {name} cannot be installed: {source}; install it with `dayu crds | kubectl apply -f -` and pass --keep-crds"
    )]
    Definition {
        /// Its name.
        name: String,
        /// What the API server said.
        source: kube::Error,
    },
    /// The Lease cannot be taken or kept.
    #[error("Lease dayu-system/dayu-gm: {0}; may this account get, create and update leases there?")]
    Lease(kube::Error),
    /// Somebody else is in charge now.
    #[error("{holder} is in charge now; this manager wrote nothing since and ends, to be started again")]
    Deposed {
        /// Who.
        holder: String,
    },
}
