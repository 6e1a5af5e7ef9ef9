//! From options to a client of the Kubernetes API.
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use crate::{Error, Options};

/// The client that `options` describe.
pub(crate) async fn client(options: &Options) -> Result<Client, Error> {
    let config = match &options.kubeconfig {
        Some(path) => {
            let failed = |source| Error::Kubeconfig { path: path.clone(), source: Box::new(source) };
            let kubeconfig = Kubeconfig::read_from(path).map_err(failed)?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(failed)?
        }
        None => Config::infer().await.map_err(|source| Error::Nowhere(Box::new(source)))?,
    };
    let url = config.cluster_url.to_string();
    Client::try_from(config).map_err(|source| Error::Client { url, source: Box::new(source) })
}
