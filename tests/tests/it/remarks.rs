//! What a Service asks for and nobody understands, from its mesh over the local manager to an event that its user sees.
use std::{net::IpAddr, sync::Arc, time::Duration};

use dayu_cluster::Cluster;
use dayu_core::daemon::Plight;
use dayu_lm::link::LinkOptions;
use dayu_mesh::Options;
use k8s_openapi::api::core::v1::{Event, Node, Service};
use kube::{
    Api, Client,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tempfile::TempDir;
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

const PATIENCE: Duration = Duration::from_secs(30);
const ADDRESSES: [[u8; 4]; 2] = [[127, 78, 1, 1], [127, 78, 2, 1]];

/// A device's mesh, and the part of its local manager that listens to it.
async fn device(client: &Client, number: usize) -> (DropGuard, TempDir) {
    let (name, address) = (format!("edge{number}"), IpAddr::from(ADDRESSES[number]));
    let nodes = Api::<Node>::all(client.clone());
    let node = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
    nodes.create(&PostParams::default(), &node).await.unwrap();
    let status = json!({"status": {"addresses": [{"type": "InternalIP", "address": address}]}});
    nodes.patch_status(&name, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();

    let (stop, data) = (CancellationToken::new(), tempfile::tempdir().unwrap());
    let mut mesh = dayu_mesh::run_with(client.clone(), Options::of(name.as_str()), stop.clone());
    let options = LinkOptions {
        device: name.as_str().into(),
        manager: None,
        plain: false,
        mesh: mesh.ready().await.unwrap().status,
        outbox: data.path().join("outbox"),
        metrics: Default::default(),
        plight: Arc::new(Plight::new().0),
    };
    let (_, reports) = mpsc::channel(1);
    tokio::spawn(dayu_lm::link::run(client.clone(), options, reports, stop.clone()));
    (stop.drop_guard(), data)
}

async fn say(client: &Client, spill: &str) {
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "det", "annotations": {"dayu.io/spill": spill}},
        "spec": {"clusterIP": "None", "ports": [{"port": 9000}]},
    });
    let services = Api::<Service>::namespaced(client.clone(), "default");
    services.patch("det", &PatchParams::apply("test"), &Patch::Apply(service)).await.unwrap();
}

/// The events of the Service, once one of them is about `value`.
async fn told(client: &Client, value: &str) -> Vec<Event> {
    let events = Api::<Event>::namespaced(client.clone(), "default");
    let about = |event: &Event| event.message.as_ref().is_some_and(|message| message.contains(&format!("{value:?}")));
    let told = async {
        loop {
            let all = events.list(&ListParams::default()).await.unwrap().items;
            if all.iter().any(about) {
                return all;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, told).await.expect("nobody says so")
}

#[tokio::test]
async fn one_event_of_the_service_tells_what_all_devices_ignore() {
    let client = Cluster::builder().build().await.unwrap().client();
    say(&client, "a lot").await;
    let _first = device(&client, 0).await;
    let all = told(&client, "a lot").await;
    let event = &all[0];
    assert_eq!((event.type_.as_deref(), event.reason.as_deref()), (Some("Warning"), Some("AnnotationIgnored")));
    let of = &event.involved_object;
    assert_eq!((of.kind.as_deref(), of.name.as_deref()), (Some("Service"), Some("det")));
    let note = event.message.as_deref().unwrap();
    assert!(note.contains("dayu.io/spill is ignored") && note.contains("such as 8-in-flight"), "{note}");

    let _second = device(&client, 1).await;
    say(&client, "8").await;
    assert_eq!(told(&client, "8").await.len(), 2, "one for each value, whoever sees it");
    say(&client, "a lot").await;
    say(&client, "more").await;
    assert_eq!(told(&client, "more").await.len(), 3, "what was told is not told again");
}
