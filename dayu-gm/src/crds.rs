//! What must be there before engines can work: the layer's namespace and the definitions of our kinds, kept current.
use std::time::Duration;

use dayu_core::{
    api::{self, Definition, Installed, NAMESPACE, Served},
    connect::told,
    daemon::Plight,
    engine::MANAGER,
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Resource,
    api::{ObjectMeta, Patch, PatchParams, PostParams, Request},
    runtime::wait::await_condition,
};

use crate::{metrics::Metrics, plight::Watched};

/// First and longest wait after a failure.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("{what}: {}{}", told(.source), remedy(.source))]
    Api { what: String, source: Box<kube::Error> },
    #[error("definition {name}: {}", told(.source))]
    Wait { name: &'static str, source: Box<kube::runtime::wait::Error> },
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
    let lacking = if keep { kept(client, wanted).await? } else { applied(client, wanted).await? };
    metrics.lacks(wanted.name(), lacking.len());
    if !lacking.is_empty() {
        let (name, fields) = (wanted.name(), lacking.join(", "));
        tracing::warn!(%name, %fields, "the installed definition is older: the server drops these fields; apply `dayu crds`");
    }
    Ok(())
}

/// Waits until the definition that somebody else installs is served; the fields that it lacks.
async fn kept(client: &Client, wanted: &Definition) -> Result<Vec<String>, Problem> {
    let (api, name) = (Api::<Installed>::all(client.clone()), wanted.name());
    let is_served = |installed: Option<&Installed>| installed.is_some_and(|installed| installed.established().is_ok());
    let installed = await_condition(api, name, is_served).await.map_err(waited(name))?;
    Ok(installed.map(|installed| installed.lacks(wanted)).unwrap_or_default())
}

/// Installs the definition and waits until it is served. It lacks no field, since it is ours.
async fn applied(client: &Client, wanted: &Definition) -> Result<Vec<String>, Problem> {
    let (api, name) = (Api::<Served>::all(client.clone()), wanted.name());
    let refused = || failed(format!("definition {name}"));
    let request =
        Request::new(Served::url_path(&(), None)).patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(()));
    let mut request = request.map_err(|source| refused()(kube::Error::BuildRequest(source)))?;
    // Text already: to read it only to write it again takes longer than the server does.
    *request.body_mut() = wanted.json().into();
    let applied = client.request::<Served>(request).await.map_err(refused())?;
    // Whoever serves it at once says so in the answer.
    if applied.established().is_err() {
        let is_served = |served: Option<&Served>| served.is_some_and(|served| served.established().is_ok());
        await_condition(api, name, is_served).await.map_err(waited(name))?;
    }
    Ok(Vec::new())
}

fn waited(name: &'static str) -> impl FnOnce(kube::runtime::wait::Error) -> Problem {
    move |source| Problem::Wait { name, source: Box::new(source) }
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
