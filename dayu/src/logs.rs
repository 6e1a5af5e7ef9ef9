//! `dayu logs`: a worker's output, as it stands or as it comes.
use futures::{AsyncBufReadExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::LogParams};

use crate::{cli::Logs, output};
use dayu_core::connect::{self, told};

/// Why no output could be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Connect(#[from] connect::ConnectError),
    #[error("worker {namespace}/{worker}: {}; `dayu get pods -n {namespace}` lists the workers", told(.source))]
    Log { namespace: String, worker: String, source: kube::Error },
    #[error("worker {worker}: the output broke off: {source}")]
    Broken { worker: String, source: std::io::Error },
}

/// Prints line by line until the output ends.
pub(crate) async fn run(options: &Logs) -> Result<(), Error> {
    let client = connect::client(options.connection.kubeconfig.as_deref()).await?;
    let params = LogParams { follow: options.follow, container: options.container.clone(), ..LogParams::default() };
    let opened = Api::<Pod>::namespaced(client, &options.namespace).log_stream(&options.worker, &params).await;
    let mut lines = opened
        .map_err(|source| Error::Log { namespace: options.namespace.clone(), worker: options.worker.clone(), source })?
        .lines();
    let broken = |source| Error::Broken { worker: options.worker.clone(), source };
    while let Some(line) = lines.try_next().await.map_err(broken)? {
        output::line(&line);
    }
    Ok(())
}
