//! `dayu logs`: a worker's output, as it stands or as it comes.
use futures::{AsyncBufReadExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::LogParams};

use crate::{cli::Logs, output};
use dayu_core::{
    api::lean::Lean,
    connect::{self, told},
};

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
    let pods = Api::<Lean<Pod>>::namespaced(client.clone(), &options.namespace);
    let failed = |source| Error::Log { namespace: options.namespace.clone(), worker: options.worker.clone(), source };
    let container = match &options.container {
        Some(named) => Some(named.clone()),
        // The server takes none for granted where there are several.
        None => {
            let pod = pods.get(&options.worker).await.map_err(&failed)?;
            first_container(&pod)
        }
    };
    let params = LogParams { follow: options.follow, container, ..LogParams::default() };
    let logs = Api::<Pod>::namespaced(client, &options.namespace);
    let mut lines = logs.log_stream(&options.worker, &params).await.map_err(failed)?.lines();
    let broken = |source| Error::Broken { worker: options.worker.clone(), source };
    while let Some(line) = lines.try_next().await.map_err(broken)? {
        output::line(&line);
    }
    Ok(())
}

fn first_container(pod: &Pod) -> Option<String> {
    Some(pod.spec.as_ref()?.containers.first()?.name.clone())
}
