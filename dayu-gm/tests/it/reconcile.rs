//! The global manager on the embedded API: resources in, children and truthful status out.
use std::{fmt::Debug, time::Duration};

use dayu_cluster::Cluster;
use dayu_core::{
    api::{JointMultiEdgeService, RuntimeService},
    link::{ActivationAck, ActivationRequest, Frame},
};
use dayu_gm::{Addresses, Options};
use futures::{SinkExt, StreamExt};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Event, Node, Pod, Service},
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message as Ws, client::IntoClientRequest};
use tokio_util::sync::CancellationToken;

pub(super) struct Site {
    pub(super) client: Client,
    pub(super) addresses: Addresses,
    shutdown: CancellationToken,
    _controllers: dayu_cluster::Controllers,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub(super) async fn start(devices: &[&str]) -> Site {
    let cluster = Cluster::builder().build().await.unwrap();
    let controllers = cluster.start_controllers();
    let client = cluster.client();
    for device in devices {
        let node = json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": device},
            "status": {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": null, "lastHeartbeatTime": null}]},
        });
        let node: Node = serde_json::from_value(node).unwrap();
        let nodes = Api::<Node>::all(client.clone());
        nodes.create(&PostParams::default(), &node).await.unwrap();
        nodes
            .patch_status(device, &PatchParams::default(), &Patch::Merge(json!({"status": node.status})))
            .await
            .unwrap();
    }
    let shutdown = CancellationToken::new();
    // The device is played by a test, which shows no key.
    let status = Some(([127, 0, 0, 1], 0).into());
    let options = Options { link_plain: true, status, ..Options::default() };
    let mut handle = dayu_gm::run_with(client.clone(), options, shutdown.clone());
    let addresses = handle.ready().await.expect("the global manager is ready");
    Site { client, addresses, shutdown, _controllers: controllers }
}

/// Waits until the objects of a kind are as wished.
pub(super) async fn until<K>(client: &Client, wished: impl Fn(&[K]) -> bool) -> Vec<K>
where
    K: kube::Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let api = Api::<K>::all(client.clone());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let list = api.list(&ListParams::default()).await.unwrap();
        if wished(&list.items) {
            return list.items;
        }
        assert!(tokio::time::Instant::now() < deadline, "{} never became as wished: {:#?}", K::kind(&()), list.items);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(super) fn runtime_service(name: &str, device: &str, port: u16) -> RuntimeService {
    serde_json::from_value(json!({
        "apiVersion": "sedna.io/v1alpha1", "kind": "RuntimeService", "metadata": {"name": name},
        "spec": {
            "installID": "i", "deploymentRevision": 1, "component": "processor", "targetNode": device, "endpoint": {"port": 9000},
            "podTemplate": {"spec": {"containers": [{"name": "c", "image": "i:1", "ports": [{"containerPort": port}]}]}},
        },
    }))
    .unwrap()
}

fn condition(status: &impl serde::Serialize, kind: &str) -> (String, String) {
    let value = serde_json::to_value(status).unwrap();
    let all = value["conditions"].as_array().cloned().unwrap_or_default();
    let found = all.iter().find(|condition| condition["type"] == kind).cloned().unwrap_or_default();
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"))
}

pub(super) async fn become_ready(client: &Client, pod: &Pod, address: &str) {
    let status = json!({"status": {
        "phase": "Running", "podIP": address,
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{"name": "c", "ready": true, "image": "i", "imageID": "", "restartCount": 0}],
    }});
    let pods = Api::<Pod>::namespaced(client.clone(), "default");
    pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
}

#[tokio::test]
async fn a_runtime_service_is_ready_when_its_device_has_confirmed_the_route() {
    let site = start(&["edge1"]).await;
    let client = &site.client;
    let mut request = format!("ws://{}/", site.addresses.link).into_client_request().unwrap();
    request.headers_mut().insert("Node-Name", "edge1".parse().unwrap());
    let (mut link, _) = tokio_tungstenite::connect_async(request).await.unwrap();

    let services = Api::<RuntimeService>::namespaced(client.clone(), "default");
    services.create(&PostParams::default(), &runtime_service("det", "edge1", 9000)).await.unwrap();
    let pods = until::<Pod>(client, |pods| {
        pods.len() == 1 && pods[0].spec.as_ref().is_some_and(|spec| spec.node_name.is_some())
    })
    .await;
    let deployment = &until::<Deployment>(client, |all| all.len() == 1).await[0];
    assert_eq!(deployment.owner_references()[0].kind, "RuntimeService");
    until::<RuntimeService>(client, |all| condition(&all[0].status, "Ready").0 == "False").await;

    become_ready(client, &pods[0], "127.64.1.2").await;
    let asked: ActivationRequest = loop {
        let Some(Ok(Ws::Text(text))) = link.next().await else { panic!("the link ended") };
        if let Some(message) = Frame::decode(&text).unwrap().message {
            break serde_json::from_slice(&message.content).unwrap();
        }
    };
    assert_eq!(asked.endpoint_pod_uid.as_str(), pods[0].uid().unwrap());
    let ack = ActivationAck {
        runtime_service_uid: asked.runtime_service_uid.clone(),
        service_uid: asked.service_uid.clone(),
        endpoint_pod_uid: asked.endpoint_pod_uid.clone(),
        deployment_revision: asked.deployment_revision,
        runtime_id: asked.runtime_id.clone(),
        target_node: asked.target_node.clone(),
        local_sequence: 3,
        observed_at: "2026-01-02T03:04:05Z".parse().unwrap(),
    };
    let frame = Frame { message: Some(ack.message("default").unwrap()), ..Frame::default() };
    link.send(Ws::text(frame.encode().unwrap())).await.unwrap();
    let ready = until::<RuntimeService>(client, |all| condition(&all[0].status, "Ready").0 == "True").await;
    assert_eq!(condition(&ready[0].status, "Activated"), ("True".to_owned(), "Activated".to_owned()));
    let metrics = crate::status::get(site.addresses.status.unwrap(), "/metrics").await.unwrap().1;
    for part in ["dayu_gm_activations_asked_total 1", "dayu_gm_activation_seconds_count 1", "dayu_gm_link_devices 1"] {
        assert!(metrics.contains(part), "{part:?} is not in:\n{metrics}");
    }

    // Nothing changes, nothing is written.
    let version = || async {
        let list = services.list(&ListParams::default()).await.unwrap();
        (list.items[0].resource_version(), until::<Deployment>(client, |_| true).await[0].resource_version())
    };
    let before = version().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(before, version().await);
}

#[tokio::test]
async fn bad_resources_are_told_and_make_nothing() {
    let site = start(&["edge1"]).await;
    let services = Api::<RuntimeService>::namespaced(site.client.clone(), "default");
    services.create(&PostParams::default(), &runtime_service("bad-port", "edge1", 8081)).await.unwrap();
    services.create(&PostParams::default(), &runtime_service("bad-node", "nowhere", 9000)).await.unwrap();
    let told = |all: &[RuntimeService]| all.iter().all(|service| condition(&service.status, "Ready").0 == "False");
    let told = until::<RuntimeService>(&site.client, |all| all.len() == 2 && told(all)).await;
    assert!(format!("{:?}", told[1].status).contains("declared"), "{:?}", told[1].status);
    until::<Event>(&site.client, |events| {
        events.iter().any(|event| event.involved_object.name.as_deref() == Some("bad-node"))
    })
    .await;
    assert!(until::<Deployment>(&site.client, |_| true).await.is_empty());

    // The device comes: what waited for it is made.
    let node: Node =
        serde_json::from_value(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "nowhere"}})).unwrap();
    Api::<Node>::all(site.client.clone()).create(&PostParams::default(), &node).await.unwrap();
    until::<Deployment>(&site.client, |all| all.len() == 1).await;
}

fn joint(name: &str, workers: &Value) -> JointMultiEdgeService {
    serde_json::from_value(json!({
        "apiVersion": "sedna.io/v1alpha1", "kind": "JointMultiEdgeService", "metadata": {"name": name},
        "spec": {"serviceConfig": {"pos": "edge", "port": 9000, "targetPort": 9000}, "edgeWorker": workers},
    }))
    .unwrap()
}

fn worker(device: &str, image: &str) -> Value {
    // A name twice: what a real API server refuses to apply, and users send.
    let env = json!([{"name": "X", "value": "1"}, {"name": "X", "value": "2"}]);
    json!({"template": {"spec": {"nodeName": device, "containers": [{"name": "a", "image": image, "env": env}]}}})
}

#[tokio::test]
async fn workers_are_updated_one_by_one_pruned_and_go_with_their_resource_only() {
    let site = start(&["edge1", "edge2"]).await;
    let client = &site.client;
    let services = Api::<JointMultiEdgeService>::namespaced(client.clone(), "default");
    let both = json!([worker("edge1", "i:1"), worker("edge1", "i:1"), worker("edge2", "i:1")]);
    services.create(&PostParams::default(), &joint("det", &both)).await.unwrap();
    services.create(&PostParams::default(), &joint("det-2", &json!([worker("edge1", "i:1")]))).await.unwrap();
    let before = until::<Deployment>(client, |all| all.len() == 4).await;

    let changed = json!([worker("edge1", "i:1"), worker("edge1", "i:1"), worker("edge2", "i:2")]);
    let patch = json!({"spec": {"edgeWorker": changed}});
    services.patch("det", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    let image = |deployment: &Deployment| {
        let value = serde_json::to_value(deployment).unwrap();
        value.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let after = until::<Deployment>(client, |all| all.iter().any(|deployment| image(deployment) == "i:2")).await;
    let rewritten = after.iter().filter(|new| {
        before.iter().all(|old| old.metadata.generation != new.metadata.generation || old.name_any() != new.name_any())
    });
    assert_eq!(rewritten.count(), 1);

    let patch = json!({"spec": {"edgeWorker": [worker("edge1", "i:1")]}});
    services.patch("det", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    until::<Deployment>(client, |all| all.len() == 2).await;

    // Users delete the Service and the Deployments by name before the resource itself.
    Api::<Service>::namespaced(client.clone(), "default").delete("det-edge", &DeleteParams::default()).await.unwrap();
    let det = after.iter().find(|deployment| deployment.name_any().starts_with("det-edgeworker")).unwrap();
    let _ = Api::<Deployment>::namespaced(client.clone(), "default")
        .delete(&det.name_any(), &DeleteParams::default())
        .await;
    services.delete("det", &DeleteParams::default()).await.unwrap();
    let left = until::<Deployment>(client, |all| all.len() == 1).await;
    assert!(left[0].name_any().starts_with("det-2-"));
    until::<Service>(client, |all| all.iter().filter(|service| service.name_any().starts_with("det")).count() == 1)
        .await;
}

#[tokio::test]
async fn a_foreign_object_of_the_same_name_is_never_adopted() {
    let site = start(&["edge1"]).await;
    let foreign: Service = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "det"}, "spec": {"ports": [{"port": 1}], "selector": {"app": "x"}},
    }))
    .unwrap();
    Api::<Service>::namespaced(site.client.clone(), "default").create(&PostParams::default(), &foreign).await.unwrap();
    let services = Api::<RuntimeService>::namespaced(site.client.clone(), "default");
    services.create(&PostParams::default(), &runtime_service("det", "edge1", 9000)).await.unwrap();
    let refused = |all: &[RuntimeService]| {
        condition(&all[0].status, "ResourcesReconciled") == ("False".into(), "ReconcileFailed".into())
    };
    until::<RuntimeService>(&site.client, |all| all.len() == 1 && refused(all)).await;
    let service = Api::<Service>::namespaced(site.client.clone(), "default").get("det").await.unwrap();
    assert_eq!(service.spec.unwrap().selector.unwrap()["app"], "x");
}
