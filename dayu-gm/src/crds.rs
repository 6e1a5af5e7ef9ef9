//! The definitions of our kinds, kept current.
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::{
    api::core::v1::Namespace, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::json;

use crate::Error;

/// The namespace of the layer's own objects.
pub(crate) const NAMESPACE: &str = "dayu-system";
const MANAGER: &str = "dayu-gm";

/// Makes sure that the layer's namespace is there.
pub(crate) async fn ensure_namespace(client: &Client) -> Result<(), kube::Error> {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    let api = Api::<Namespace>::all(client.clone());
    api.patch(NAMESPACE, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&namespace)).await.map(drop)
}

/// Installs or updates every definition and waits until the API serves it.
pub(crate) async fn install(client: &Client) -> Result<(), Error> {
    let api = Api::<CustomResourceDefinition>::all(client.clone());
    for definition in dayu_core::api::crds() {
        let name = definition.name_any();
        let failed = |source| Error::Definition { name: name.clone(), source };
        api.patch(&name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&definition)).await.map_err(failed)?;
        established(&api, &name).await;
    }
    Ok(())
}

async fn established(api: &Api<CustomResourceDefinition>, name: &str) {
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut seen = watcher(api.clone(), config).default_backoff().applied_objects().boxed();
    loop {
        match seen.try_next().await {
            Ok(Some(definition)) if is_established(&definition) => return,
            Ok(Some(_)) => {}
            Ok(None) => return,
            Err(error) => tracing::warn!(name, %error, "cannot see whether the definition is served; tried again"),
        }
    }
}

fn is_established(definition: &CustomResourceDefinition) -> bool {
    let conditions = definition.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Established" && condition.status == "True")
}
