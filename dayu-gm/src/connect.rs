//! A client for what the options name, else for what the environment offers.
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use crate::{Error, Options};

pub(crate) async fn client(options: &Options) -> Result<Client, Error> {
    let config = match &options.kubeconfig {
        Some(path) => {
            let failed = |source| Error::Kubeconfig { path: path.clone(), source };
            let kubeconfig = Kubeconfig::read_from(path).map_err(failed)?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(failed)?
        }
        None => Config::infer().await?,
    };
    Client::try_from(config).map_err(Error::Client)
}
