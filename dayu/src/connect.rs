//! From a kubeconfig to a client.
use std::path::{Path, PathBuf};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use crate::cli::Connection;

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("kubeconfig {path}: {source}; `dayu up` prints the path of the one it writes")]
    Kubeconfig { path: PathBuf, source: kube::config::KubeconfigError },
    #[error("no way to the API is configured: {0}; pass --kubeconfig FILE or set KUBECONFIG")]
    Nowhere(kube::config::InferConfigError),
    #[error("cannot make a client for {url}: {source}")]
    Client { url: String, source: kube::Error },
}

/// A client for what the user named, else for what the environment offers.
pub(crate) async fn client(connection: &Connection) -> Result<Client, Error> {
    let config = match &connection.kubeconfig {
        Some(path) => from_file(path).await?,
        None => Config::infer().await.map_err(Error::Nowhere)?,
    };
    let url = config.cluster_url.to_string();
    Client::try_from(config).map_err(|source| Error::Client { url, source })
}

async fn from_file(path: &Path) -> Result<Config, Error> {
    let failed = |source| Error::Kubeconfig { path: path.to_owned(), source };
    let kubeconfig = Kubeconfig::read_from(path).map_err(failed)?;
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(failed)
}
