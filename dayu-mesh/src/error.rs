//! Why a mesh cannot start or go on.
use std::{io, net::SocketAddr, path::PathBuf};

use dayu_core::name::Device;

/// What ends a mesh. Everything that concerns one service only is reported on the status API instead.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kubeconfig file cannot be used.
    #[error("kubeconfig {path}: {source}; pass --kubeconfig FILE with a file that kubectl can use")]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<kube::config::KubeconfigError>,
    },
    /// Neither a kubeconfig nor a service account was found.
    #[error("no way to the API is configured: {0}; pass --kubeconfig FILE or set KUBECONFIG")]
    Nowhere(Box<kube::config::InferConfigError>),
    /// The configuration names something that no client can be made for.
    #[error("cannot make a client for {url}: {source}")]
    Client {
        /// The API server.
        url: String,
        /// What the client says.
        source: Box<kube::Error>,
    },
    /// No balancing policy has that name.
    #[error("--policy: {0}")]
    Policy(#[from] dayu_core::balance::policy::UnknownPolicy),
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
