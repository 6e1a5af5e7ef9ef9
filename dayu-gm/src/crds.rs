//! What must be there before engines can work: the layer's namespace and the definitions of our kinds, kept current.
use std::time::Duration;

use dayu_core::{
    api::{self, Definition, Installed, NAMESPACE},
    connect::told,
    engine::MANAGER,
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
    runtime::wait::await_condition,
};
use serde_json::value::RawValue;

use crate::{
    metrics::Metrics,
    plight::{Plight, Watched},
};

/// First and longest wait after a failure.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("{what}: {}{}", told(.source), remedy(.source))]
    Api { what: String, source: Box<kube::Error> },
    #[error("definition {name}: {}", told(.source))]
    Wait { name: &'static str, source: Box<kube::runtime::wait::Error> },
    #[error("definition {name} in this program is no JSON: {source}; it was built wrong")]
    Text { name: &'static str, source: serde_json::Error },
}

/// Makes sure of the namespace; tries until it is there.
pub(crate) async fn ensure_namespace(client: &Client, plight: &Plight) {
    until_done(plight, || create_namespace(client)).await;
}

/// Installs the definitions, unless somebody else does, and waits until they are served; tries until they are.
pub(crate) async fn install(client: &Client, told: &Watched, keep: bool) {
    // One by one: where the server is in this process, its work on two at once would be twice the memory it ever needs.
    for wanted in &api::definitions() {
        until_done(&told.plight, || definition(client, wanted, keep, &told.metrics)).await;
    }
}

async fn create_namespace(client: &Client) -> Result<(), Problem> {
    let (api, what) = (Api::<Namespace>::all(client.clone()), format!("namespace {NAMESPACE}"));
    // Whoever may not create namespaces may still see that it is there.
    if api.get_opt(NAMESPACE).await.map_err(failed(what.clone()))?.is_some() {
        return Ok(());
    }
    let metadata = ObjectMeta { name: Some(NAMESPACE.to_owned()), ..ObjectMeta::default() };
    let wanted = Namespace { metadata, ..Namespace::default() };
    match api.create(&PostParams::default(), &wanted).await {
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        created => created.map(drop).map_err(failed(what)),
    }
}

async fn definition(client: &Client, wanted: &Definition, keep: bool, metrics: &Metrics) -> Result<(), Problem> {
    if !keep {
        apply(client, wanted).await?;
    }
    established(client, wanted, metrics).await
}

async fn apply(client: &Client, wanted: &Definition) -> Result<(), Problem> {
    let api = Api::<Installed>::all(client.clone());
    let params = PatchParams::apply(MANAGER).force();
    let text: &RawValue =
        serde_json::from_str(wanted.json()).map_err(|source| Problem::Text { name: wanted.name(), source })?;
    let applied = api.patch(wanted.name(), &params, &Patch::Apply(text)).await;
    applied.map(drop).map_err(failed(format!("definition {}", wanted.name())))
}

async fn established(client: &Client, wanted: &Definition, metrics: &Metrics) -> Result<(), Problem> {
    let (api, name) = (Api::<Installed>::all(client.clone()), wanted.name());
    let is_served = |served: Option<&Installed>| served.is_some_and(|served| served.established().is_ok());
    let served = await_condition(api, name, is_served).await;
    let served = served.map_err(|source| Problem::Wait { name, source: Box::new(source) })?;
    let lacking = served.map(|served| served.lacks(wanted)).unwrap_or_default();
    metrics.lacks(name, lacking.len());
    if !lacking.is_empty() {
        let fields = lacking.join(", ");
        tracing::warn!(%name, %fields, "the installed definition is older: the server drops these fields; apply `dayu crds`");
    }
    Ok(())
}

async fn until_done<F: Future<Output = Result<(), Problem>>>(plight: &Plight, attempt: impl Fn() -> F) {
    let mut wait = FIRST_WAIT;
    while let Err(problem) = attempt().await {
        plight.grows("start", &problem.to_string());
        tracing::warn!(%problem, "tried again in {} ms", wait.as_millis());
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

fn failed(what: String) -> impl FnOnce(kube::Error) -> Problem {
    |source| Problem::Api { what, source: Box::new(source) }
}

fn remedy(error: &kube::Error) -> &'static str {
    match error {
        kube::Error::Api(status) if status.code == 403 => {
            "; give this service account the right to get, create, patch and watch it, or install it with `dayu crds | kubectl apply -f -` and pass --keep-crds"
        }
        kube::Error::Api(status) if status.code == 401 => "; the credentials in the kubeconfig are not accepted",
        _ => "",
    }
}
