//! A device that is away for an hour: nothing is written to no end, and what ran there runs there still when it is back.
use std::{collections::BTreeSet, sync::Arc, time::Duration};

use dayu_core::api::{JointMultiEdgeService, RuntimeService};
use futures::{StreamExt, TryStreamExt, future::ready};
use k8s_openapi::api::{
    apps::v1::Deployment,
    coordination::v1::Lease,
    core::v1::{Node, Pod},
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{
    reconcile::{joint, worker},
    site::{Site, condition, on_embedded, runtime_service},
};

const HOUR: Duration = Duration::from_secs(3600);

/// Pods that a device may refuse in an hour.
pub(super) const FEW: usize = 20;

/// The UIDs of all pods that there ever were.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeSet<String>>>);

impl Seen {
    fn watch(client: &Client) -> Self {
        let seen = Self::default();
        let pods = watcher(Api::<Pod>::all(client.clone()), watcher::Config::default()).default_backoff();
        let (noted, all) = (seen.clone(), pods.applied_objects().boxed());
        tokio::spawn(all.try_for_each(move |pod| {
            noted.0.lock().insert(pod.uid().unwrap());
            ready(Ok(()))
        }));
        seen
    }

    fn count(&self) -> usize {
        self.0.lock().len()
    }
}

/// The device's one sign of life: from now on it is away unless it comes again.
async fn breathe(client: &Client, device: &str) {
    let lease: Lease = serde_json::from_value(json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": device},
        "spec": {"holderIdentity": device, "leaseDurationSeconds": 40, "renewTime": "2026-01-01T00:00:00.000000Z"},
    }))
    .unwrap();
    let leases = Api::<Lease>::namespaced(client.clone(), "kube-node-lease");
    leases.create(&PostParams::default(), &lease).await.unwrap();
}

fn says(node: &Node, wanted: &str) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == wanted)
}

pub(super) fn bound(pods: &[Pod]) -> bool {
    pods.iter().all(is_bound)
}

pub(super) fn is_bound(pod: &Pod) -> bool {
    pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some())
}

pub(super) fn lives(pod: &&Pod) -> bool {
    pod.status.as_ref().is_none_or(|status| status.phase.as_deref() != Some("Failed"))
}

/// What every Deployment asks for, and how often that was changed.
async fn wishes(client: &Client) -> Vec<(String, Option<i64>)> {
    let all = Api::<Deployment>::all(client.clone()).list(&ListParams::default()).await.unwrap();
    all.iter().map(|deployment| (deployment.uid().unwrap(), deployment.metadata.generation)).collect()
}

#[tokio::test(start_paused = true)]
async fn an_hour_without_the_device_makes_no_pods_and_writes_no_children() {
    on_embedded(|site| Box::pin(away(site))).await;
}

async fn away(site: &mut Site) {
    let client = &site.client.clone();
    let seen = Seen::watch(client);
    let services = site.api::<RuntimeService>();
    services.create(&PostParams::default(), &runtime_service("det", "edge1", 9000)).await.unwrap();
    let joints = site.api::<JointMultiEdgeService>();
    let workers = json!([worker("edge1", "i:1"), worker("edge1", "i:1")]);
    joints.create(&PostParams::default(), &joint("cam", &workers)).await.unwrap();
    let pods = site.until::<Pod>(|pods| pods.len() == 3 && bound(pods)).await;
    for (number, pod) in pods.iter().enumerate() {
        site.become_ready(pod, &format!("127.64.1.{}", number + 2)).await;
    }
    site.until::<JointMultiEdgeService>(|all| condition(&all[0].status, "Ready").0 == "True").await;
    let before = wishes(client).await;

    breathe(client, "edge1").await;
    tokio::time::sleep(HOUR).await;
    assert!(says(&Api::<Node>::all(client.clone()).get("edge1").await.unwrap(), "Unknown"), "the device is away");
    site.until::<RuntimeService>(|all| condition(&all[0].status, "NodeReady").0 == "False").await;
    assert_eq!(seen.count(), 3, "pods in an hour without the device");
    assert_eq!(before, wishes(client).await);

    // Back: its kubelet says so, and its pods are the ones that it had.
    let status: Value = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    let nodes = Api::<Node>::all(client.clone());
    nodes.patch_status("edge1", &PatchParams::default(), &Patch::Strategic(status)).await.unwrap();
    for (number, pod) in pods.iter().enumerate() {
        site.become_ready(pod, &format!("127.64.1.{}", number + 2)).await;
    }
    site.until::<JointMultiEdgeService>(|all| condition(&all[0].status, "Ready").0 == "True").await;
    assert_eq!((seen.count(), before), (3, wishes(client).await));
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_of_a_device_that_is_away_waits_there_in_one_pod() {
    on_embedded(|site| Box::pin(asked_while_away(site))).await;
}

async fn asked_while_away(site: &mut Site) {
    let client = &site.client.clone();
    let seen = Seen::watch(client);
    breathe(client, "edge1").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let services = site.api::<RuntimeService>();
    services.create(&PostParams::default(), &runtime_service("det", "edge1", 9000)).await.unwrap();
    site.until::<Pod>(|pods| pods.len() == 1).await;
    tokio::time::sleep(HOUR).await;
    assert_eq!(seen.count(), 1);
    assert_eq!(condition(&services.get("det").await.unwrap().status, "Ready").0, "False");

    // Taken back while it is away: nothing is made anew.
    services.delete("det", &DeleteParams::default()).await.unwrap();
    site.until::<Deployment>(<[_]>::is_empty).await;
    tokio::time::sleep(HOUR).await;
    assert_eq!(seen.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_refuses_every_pod_holds_few_of_them() {
    on_embedded(|site| Box::pin(refusing(site))).await;
}

async fn refusing(site: &mut Site) {
    let client = &site.client.clone();
    let seen = Seen::watch(client);
    let services = site.api::<RuntimeService>();
    services.create(&PostParams::default(), &runtime_service("det", "edge1", 9000)).await.unwrap();
    site.until::<Pod>(|pods| pods.len() == 1 && bound(pods)).await;

    // As a kubelet does that has no room for it, at once.
    let pods = site.api::<Pod>();
    let refused = json!({"status": {"phase": "Failed", "reason": "OutOfmemory", "message": "not enough memory"}});
    let mut told = 0;
    for _second in 0..HOUR.as_secs() {
        let all = pods.list(&ListParams::default()).await.unwrap();
        assert!(all.items.len() <= 3, "{} pods for one worker", all.items.len());
        for pod in all.iter().filter(lives) {
            pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(&refused)).await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let status = services.get("det").await.unwrap().status;
        told += u64::from(format!("{status:?}").contains("OutOfmemory: not enough memory; none is made before 20"));
    }
    assert!((4..=FEW).contains(&seen.count()), "{} pods in an hour", seen.count());
    assert!(told > HOUR.as_secs() / 2, "why is told in {told} seconds of the hour");

    // There is room again: the next one that is tried stays.
    tokio::time::sleep(2 * HOUR).await;
    let all = site.until::<Pod>(|all| all.iter().any(|pod| lives(&pod)) && bound(all)).await;
    site.become_ready(all.iter().find(lives).unwrap(), "127.64.1.2").await;
    site.until::<RuntimeService>(|all| condition(&all[0].status, "WorkloadReady").0 == "True").await;
}
