//! A cluster to run controllers in: the embedded API, its controllers, and doubles of devices.
use std::error::Error;

use dayu_cluster::{Cluster, Controllers};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::{
    api::core::v1::{Container, Node, Pod},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt, wait, watcher},
};
use serde_json::json;
use tokio_util::task::AbortOnDropHandle;

/// An embedded cluster with devices on which every pod becomes ready at once. Ends when dropped.
pub struct Site {
    /// Reaches the cluster.
    pub client: Client,
    _controllers: Controllers,
    _devices: AbortOnDropHandle<()>,
}

impl Site {
    /// A cluster in memory with these devices.
    ///
    /// # Errors
    /// What the API refuses.
    pub async fn start(devices: &[&str]) -> Result<Self, Box<dyn Error>> {
        let cluster = Cluster::builder().build().await?;
        let (client, controllers) = (cluster.client(), cluster.start_controllers());
        for device in devices {
            register(&client, device).await?;
        }
        let devices = AbortOnDropHandle::new(tokio::spawn(play_devices(client.clone())));
        Ok(Self { client, _controllers: controllers, _devices: devices })
    }

    /// Installs the definition of a kind and waits until the API serves it.
    ///
    /// # Errors
    /// What the API refuses.
    pub async fn define(&self, definition: &CustomResourceDefinition) -> Result<(), Box<dyn Error>> {
        let definitions = Api::all(self.client.clone());
        definitions.create(&PostParams::default(), definition).await?;
        let established = wait::conditions::is_crd_established();
        wait::await_condition(definitions, &definition.name_any(), established).await?;
        Ok(())
    }
}

async fn register(client: &Client, device: &str) -> Result<(), Box<dyn Error>> {
    let nodes = Api::<Node>::all(client.clone());
    let labels = json!({"kubernetes.io/hostname": device});
    let node = serde_json::from_value(json!({"metadata": {"name": device, "labels": labels}}))?;
    nodes.create(&PostParams::default(), &node).await?;
    let ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    nodes.patch_status(device, &PatchParams::default(), &Patch::Merge(ready)).await?;
    Ok(())
}

/// Tells of every pod that is bound to a device that it runs.
async fn play_devices(client: Client) {
    let pods = watcher(Api::<Pod>::all(client.clone()), watcher::Config::default()).default_backoff();
    let mut pods = pods.applied_objects().boxed();
    while let Ok(Some(pod)) = pods.try_next().await {
        let Some(spec) = pod.spec.as_ref().filter(|spec| spec.node_name.is_some()) else { continue };
        let container = |container: &Container| json!({"name": container.name, "ready": true, "image": container.image, "imageID": "", "restartCount": 0});
        let containers: Vec<_> = spec.containers.iter().map(container).collect();
        let ready = json!([{"type": "Ready", "status": "True"}]);
        let status = json!({"status": {"phase": "Running", "conditions": ready, "containerStatuses": containers}});
        let api = Api::<Pod>::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
        if let Err(error) = api.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(status)).await {
            tracing::warn!(pod = %pod.name_any(), %error, "the pod cannot be told ready");
        }
    }
}
