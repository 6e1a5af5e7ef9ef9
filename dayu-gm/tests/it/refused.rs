//! The global manager where a device is away, or pods are not let in.
use std::{collections::BTreeSet, sync::Arc, time::Duration};

use dayu_core::api::{JointMultiEdgeService, RuntimeService};
use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Event, Namespace, Node, Pod},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;
use xtask::kube::Settings;

use super::{
    kinds::Kind,
    offline::{FEW, bound, is_bound, lives},
    site::{Site, condition, on_kubernetes_only, on_kubernetes_with, register, runtime_service},
};

on_kubernetes_only! {
    the_namespace_lets_no_such_pod_in,
    the_namespace_lets_no_such_pod_of_a_joint_service_in,
    a_kubelet_refuses_a_pod_and_takes_the_next,
    a_kubelet_refuses_every_pod_and_gets_no_more_of_them,
}

/// Of a name of its own: Kubernetes remembers of a node that is replaced when it was heard of.
const DEVICE: &str = "faraway";
/// A node is taken for lost after ten seconds without a word rather than fifty.
const HASTY: Settings = Settings {
    api_server: &[],
    controller_manager: &[("node-monitor-grace-period", "10s"), ("node-monitor-period", "1s")],
    scheduler: &[],
};

#[tokio::test]
async fn a_device_falls_silent_and_comes_back_with_its_pods_on_kubernetes() {
    on_kubernetes_with(HASTY, "silent", |site| Box::pin(a_device_falls_silent_and_comes_back_with_its_pods(site)))
        .await;
}

async fn create(site: &Site, device: &str) {
    let services = site.api::<RuntimeService>();
    services.create(&PostParams::default(), &runtime_service("det", device, 9000)).await.unwrap();
}

/// The other devices say that they live, as long as this is held: where all are lost, Kubernetes evicts nobody.
fn keep_alive(site: &Site) -> AbortOnDropHandle<()> {
    let nodes = Api::<Node>::all(site.client.clone());
    AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            for device in ["edge1", "edge2"] {
                let alive = json!({"type": "Ready", "status": "True", "lastHeartbeatTime": Timestamp::now()});
                let status = Patch::Strategic(json!({"status": {"conditions": [alive]}}));
                nodes.patch_status(device, &PatchParams::default(), &status).await.unwrap();
            }
            sleep(Duration::from_secs(2)).await;
        }
    }))
}

async fn a_device_falls_silent_and_comes_back_with_its_pods(site: &mut Site) {
    let _others = keep_alive(site);
    register(&site.client, DEVICE).await;
    // What any other pod suffers is the measure.
    let other: Pod = serde_json::from_value(json!({
        "metadata": {"name": "other"},
        "spec": {
            "nodeName": DEVICE, "containers": [{"name": "c", "image": "i"}],
            "tolerations": [{"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0}],
        },
    }))
    .unwrap();
    let ours = |pods: &[Pod]| pods.iter().filter(|pod| pod.name_any() != "other").cloned().collect::<Vec<_>>();
    site.api::<Pod>().create(&PostParams::default(), &other).await.unwrap();
    create(site, DEVICE).await;
    let joint = JointMultiEdgeService::of("cam", DEVICE);
    site.api::<JointMultiEdgeService>().create(&PostParams::default(), &joint).await.unwrap();
    let pods = ours(&site.until::<Pod>(|all| all.len() == 3 && bound(all)).await);
    let identities = |pods: &[Pod]| pods.iter().map(ResourceExt::uid).collect::<BTreeSet<_>>();
    let run = async || {
        for (pod, address) in pods.iter().zip(["10.64.1.2", "10.64.1.3"]) {
            site.become_ready(pod, address).await;
        }
    };
    run().await;
    site.until::<RuntimeService>(|all| condition(&all[0].status, "NodeReady").0 == "True").await;
    let is_ready = |all: &[JointMultiEdgeService]| condition(&all[0].status, "Ready").0 == "True";
    site.until::<JointMultiEdgeService>(is_ready).await;

    let lost = |all: &[RuntimeService]| condition(&all[0].status, "NodeReady").0 == "False";
    site.until::<RuntimeService>(lost).await;
    site.until::<JointMultiEdgeService>(|all| !is_ready(all)).await;
    let evicted =
        |all: &[Pod]| all.iter().all(|pod| pod.name_any() != "other" || pod.metadata.deletion_timestamp.is_some());
    let during = ours(&site.until::<Pod>(evicted).await);
    assert_eq!(identities(&during), identities(&pods));
    assert!(during.iter().all(|pod| pod.metadata.deletion_timestamp.is_none()), "{during:#?}");

    let back = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    let nodes = Api::<Node>::all(site.client.clone());
    nodes.patch_status(DEVICE, &PatchParams::default(), &Patch::Strategic(back)).await.unwrap();
    run().await;
    site.until::<RuntimeService>(|all| condition(&all[0].status, "NodeReady").0 == "True").await;
    site.until::<JointMultiEdgeService>(is_ready).await;
    assert_eq!(identities(&ours(&site.until::<Pod>(|_| true).await)), identities(&pods));
    assert!(site.until::<Deployment>(|_| true).await.iter().all(|one| one.metadata.generation == Some(1)));
}

async fn the_namespace_lets_no_such_pod_in(site: &mut Site) {
    be_let_in_by_no_namespace::<RuntimeService>(site).await;
}

async fn the_namespace_lets_no_such_pod_of_a_joint_service_in(site: &mut Site) {
    be_let_in_by_no_namespace::<JointMultiEdgeService>(site).await;
}

async fn be_let_in_by_no_namespace<K: Kind>(site: &mut Site) {
    let namespaces = Api::<Namespace>::all(site.client.clone());
    let label = |level: Option<&str>| {
        Patch::Merge(json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}}))
    };
    namespaces.patch(&site.namespace, &PatchParams::default(), &label(Some("restricted"))).await.unwrap();
    site.api::<K>().create(&PostParams::default(), &K::of("det", "edge1")).await.unwrap();
    let told = |all: &[K]| all[0].told().contains("violates PodSecurity");
    let services = site.until::<K>(told).await;
    assert_eq!(services[0].condition(K::RUNS).0, "False");
    assert!(site.until::<Pod>(|_| true).await.is_empty());

    namespaces.patch(&site.namespace, &PatchParams::default(), &label(None)).await.unwrap();
    site.until::<Pod>(|all| all.len() == 1).await;
    site.until::<K>(|all| !told(all)).await;
}

async fn a_kubelet_refuses_a_pod_and_takes_the_next(site: &mut Site) {
    create(site, "edge1").await;
    let first = site.until::<Pod>(|all| all.len() == 1 && bound(all)).await.swap_remove(0);
    let refused = json!({"status": {
        "phase": "Failed", "reason": "UnexpectedAdmissionError", "message": "no camera is free",
    }});
    let pods = site.api::<Pod>();
    pods.patch_status(&first.name_any(), &PatchParams::default(), &Patch::Merge(refused)).await.unwrap();
    let told =
        |all: &[RuntimeService]| serde_json::to_string(&all[0].status).unwrap().contains("UnexpectedAdmissionError");
    site.until::<RuntimeService>(told).await;

    let all = site.until::<Pod>(|all| all.len() == 2 && bound(all)).await;
    let next = all.iter().find(|pod| pod.uid() != first.uid()).unwrap();
    let mut link = site.link("edge1").await;
    site.become_ready(next, "10.64.1.2").await;
    let (_, asked) = site.asked(&mut link).await;
    assert_eq!(asked.endpoint_pod_uid.as_str(), next.uid().unwrap());
    let services = site.until::<RuntimeService>(|all| condition(&all[0].status, "WorkloadReady").0 == "True").await;
    assert!(!told(&services), "what is over is not told any more");
}

/// The kubelet of all devices, as long as this is held: it refuses every pod, and lets go of those that are deleted. Notes
/// the UIDs of all that it ever saw.
fn refuse_all(site: &Site) -> (AbortOnDropHandle<()>, Arc<Mutex<BTreeSet<String>>>) {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let (pods, noted) = (site.api::<Pod>(), seen.clone());
    let refused = Patch::Merge(json!({"status": {
        "phase": "Failed", "reason": "UnexpectedAdmissionError", "message": "no camera is free",
    }}));
    let kubelet = tokio::spawn(async move {
        loop {
            for pod in pods.list(&ListParams::default()).await.unwrap().iter().filter(|pod| is_bound(pod)) {
                let name = pod.name_any();
                // Whoever is faster: one that is gone is neither refused nor let go.
                if pod.metadata.deletion_timestamp.is_some() {
                    let _ = pods.delete(&name, &DeleteParams::default().grace_period(0)).await;
                } else if lives(&pod) {
                    let _ = pods.patch_status(&name, &PatchParams::default(), &refused).await;
                }
                noted.lock().extend(pod.uid());
            }
            sleep(Duration::from_millis(100)).await;
        }
    });
    (AbortOnDropHandle::new(kubelet), seen)
}

async fn a_kubelet_refuses_every_pod_and_gets_no_more_of_them(site: &mut Site) {
    create(site, "edge1").await;
    let (kubelet, seen) = refuse_all(site);
    site.until::<Deployment>(|all| all.iter().any(|one| one.spec.replicas == Some(0))).await;
    let told = |all: &[RuntimeService]| {
        let status = serde_json::to_string(&all[0].status).unwrap();
        status.contains("PodsRefused: device edge1 refuses its pods, the last one with UnexpectedAdmissionError")
    };
    site.until::<RuntimeService>(told).await;
    let is_event = |event: &Event| event.reason.as_deref() == Some("PodsRefused");
    site.until::<Event>(|all| all.iter().any(is_event)).await;
    let is_quiet = |all: &[Pod]| all.len() <= 2 && !all.iter().any(|pod| lives(&pod));
    site.until::<Pod>(is_quiet).await;
    let before = seen.lock().len();
    sleep(Duration::from_secs(3)).await;
    assert!(is_quiet(&site.until::<Pod>(|_| true).await), "what was refused is cleared away");
    assert_eq!(seen.lock().len(), before, "none is made");
    assert!(before <= FEW, "{before} pods until it was stopped");

    // Another resource of the name is another try.
    drop(kubelet);
    site.api::<RuntimeService>().delete("det", &DeleteParams::default()).await.unwrap();
    site.until::<Deployment>(<[_]>::is_empty).await;
    create(site, "edge1").await;
    let all = site.until::<Pod>(|all| all.iter().any(|pod| lives(&pod)) && bound(all)).await;
    site.become_ready(all.iter().find(lives).unwrap(), "10.64.1.2").await;
    site.until::<RuntimeService>(|all| condition(&all[0].status, "WorkloadReady").0 == "True").await;
}
