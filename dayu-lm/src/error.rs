//! Why a local manager cannot start or go on.
use std::{io, net::SocketAddr, path::PathBuf};

use dayu_core::name::Device;

/// What ends a local manager. Everything that concerns one worker only is told in its pod's status and events instead.
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
    /// The data directory cannot be used.
    #[error("data directory {path}: {source}; pass --data DIR with a folder that this user may write")]
    Data {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another local manager works on the same data.
    #[error("data directory {path} is in use by another local manager; stop it, or pass another --data DIR")]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// An address that every local manager needs is taken.
    #[error(
        "cannot serve {what} of device {device} on {address}: {source}; free the address (`ss -ltnp` says who holds it), or stop the other local manager of this device"
    )]
    Bind {
        /// `workers' reports` or `logs`.
        what: &'static str,
        /// The device.
        device: Device,
        /// The address that cannot be bound.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The Node has a pod network that no addresses can be taken from.
    #[error("{source}")]
    Network {
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
