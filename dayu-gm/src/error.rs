//! Why a global manager could not start, or ended.
use std::{net::SocketAddr, path::PathBuf};

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
    /// Nobody can connect to an unspecified address.
    #[error("--link-listen {0} is no address that a device can connect to; say --link-advertise HOST:PORT as well")]
    Unadvertised(SocketAddr),
}
