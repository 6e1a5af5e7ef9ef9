//! A controller that knows nothing of this project, tested against the embedded API: no cluster, no socket, no mocks.
//!
//! `cargo test -p dayu-examples --example test_double`

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::watcher;
use kube::{Client, ResourceExt};
use serde_json::json;

/// Gives every namespace a ConfigMap that says its name: the whole of somebody's controller.
async fn reconcile(namespace: Arc<Namespace>, client: Arc<Client>) -> Result<Action, kube::Error> {
    let maps: Api<ConfigMap> = Api::namespaced(Client::clone(&client), &namespace.name_any());
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"namespace": namespace.name_any()}});
    maps.patch("about", &PatchParams::apply("about-controller"), &Patch::Apply(map)).await?;
    Ok(Action::await_change())
}

async fn run(client: Client) {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let retry = |_: Arc<Namespace>, _: &kube::Error, _: Arc<Client>| Action::requeue(Duration::from_secs(5));
    let controller = Controller::new(namespaces, watcher::Config::default());
    controller.run(reconcile, retry, Arc::new(client)).for_each(async |_| ()).await;
}

#[tokio::main]
async fn main() -> Result<(), kube::Error> {
    run(Client::try_default().await?).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use kube::api::PostParams;
    use kube::runtime::wait::await_condition;

    use super::*;

    #[tokio::test]
    async fn every_namespace_is_told_its_name() {
        let client = dayu_cluster::Cluster::builder().build().await.unwrap().client();
        tokio::spawn(run(client.clone()));

        let namespaces: Api<Namespace> = Api::all(client.clone());
        let room = serde_json::from_value(json!({"metadata": {"name": "room"}})).unwrap();
        namespaces.create(&PostParams::default(), &room).await.unwrap();

        let maps: Api<ConfigMap> = Api::namespaced(client, "room");
        let about = await_condition(maps, "about", |map: Option<&ConfigMap>| map.is_some()).await.unwrap().unwrap();
        assert_eq!(about.data.unwrap()["namespace"], "room");
    }
}
