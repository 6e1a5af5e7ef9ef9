//! The kubelets of all devices, played: they say that they live, and of each pod that is bound that it is ready.
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::json;
use tokio::{task::JoinSet, time::interval};

use crate::{
    engine::{NAMESPACE, doubles::running},
    failure::Failure,
};

/// How often each says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Pods that become ready at the same time.
const STARTED_AT_ONCE: usize = 32;

/// Makes every pod ready once it is bound.
pub(super) async fn play(client: Client) -> Result<(), Failure> {
    let pods = Api::<Pod>::namespaced(client, NAMESPACE);
    let mut seen = watcher(pods.clone(), watcher::Config::default()).default_backoff().applied_objects().boxed();
    let (mut starting, mut number) = (JoinSet::new(), 0);
    while let Some(pod) = seen.try_next().await? {
        if !is_waiting(&pod) {
            continue;
        }
        if starting.len() >= STARTED_AT_ONCE
            && let Some(started) = starting.join_next().await
        {
            started??;
        }
        starting.spawn(start(pods.clone(), number, pod.name_any()));
        number += 1;
    }
    Ok(())
}

fn is_waiting(pod: &Pod) -> bool {
    let bound = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
    let started = pod.status.as_ref().is_some_and(|status| status.pod_ip.is_some());
    bound && !started
}

async fn start(pods: Api<Pod>, number: usize, name: String) -> Result<(), Failure> {
    // Kubernetes takes no loopback address for an endpoint.
    let address = format!("10.{}.{}.{}", 128 + number / 65_536, number / 256 % 256, number % 256);
    pods.patch_status(&name, &PatchParams::default(), &Patch::Merge(running(&address))).await?;
    Ok(())
}

/// Has every node say that it lives, for ever.
pub(super) async fn breathe(client: Client, devices: Vec<String>) -> Result<(), Failure> {
    let nodes = Api::<Node>::all(client);
    let mut beat = interval(HEARTBEAT);
    loop {
        beat.tick().await;
        for device in &devices {
            let ready = json!({"type": "Ready", "status": "True", "lastHeartbeatTime": Timestamp::now()});
            let status = Patch::Strategic(json!({"status": {"conditions": [ready]}}));
            nodes.patch_status(device, &PatchParams::default(), &status).await?;
        }
    }
}
