//! Hollow nodes, for tests of whatever makes pods: they are ready, and a pod that is bound to one runs at once, has an address
//! of the node's network, and goes when it is deleted. No program is started.
use std::{collections::HashMap, net::Ipv4Addr};

use serde_json::{Value, json};

use super::{feed::Feed, pod::Pod};
use crate::{
    environment::rfc3339,
    store::{Change, DeleteOptions, NODES, Object, PODS, Store, StoreError},
};

/// Makes the nodes, ready.
pub(super) fn create(store: &Store, names: &[Box<str>]) -> Result<(), StoreError> {
    let now = rfc3339(store.environment().now());
    for name in names {
        let node = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": { "name": name, "labels": { "kubernetes.io/hostname": name } },
            "status": { "conditions": [{
                "type": "Ready", "status": "True", "reason": "Hollow", "message": "runs no program",
                "lastHeartbeatTime": now, "lastTransitionTime": now,
            }] },
        });
        match store.create(&NODES, node) {
            Ok(_) | Err(StoreError::AlreadyExists { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Plays the nodes until dropped.
pub(super) async fn run(store: Store, names: Vec<Box<str>>) {
    let (mut pods, mut nodes) = (Feed::new(&store, PODS), Feed::new(&store, NODES));
    let mut hollow = Hollow { store, names, addresses: HashMap::new() };
    loop {
        tokio::select! {
            deltas = pods.next() => deltas.iter().for_each(|delta| hollow.take(delta.change, &delta.object)),
            // One that had no network yet may have one now.
            _ = nodes.next() => hollow.look_again(),
        }
    }
}

struct Hollow {
    store: Store,
    names: Vec<Box<str>>,
    /// Of pods, by UID.
    addresses: HashMap<Box<str>, Ipv4Addr>,
}

impl Hollow {
    fn take(&mut self, change: Change, object: &Object) {
        if change == Change::Deleted {
            self.addresses.remove(&object.meta.uid);
            return;
        }
        let pod: Pod = object.parse().unwrap_or_default();
        let node = pod.spec.node_name.as_ref().filter(|node| self.names.contains(*node));
        let Some(node) = node else { return };
        let done = if object.meta.is_terminating() {
            let at_once = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
            self.store.delete(&PODS, &object.meta.namespace, &object.meta.name, &at_once).map(drop)
        } else if pod.status.pod_ip.is_none() {
            self.start(node, object)
        } else {
            Ok(())
        };
        if let Err(error) = done {
            tracing::debug!(node = &**node, pod = &*object.meta.name, %error, "gone before it was played");
        }
    }

    fn look_again(&mut self) {
        for pod in self.store.list(&PODS, None).objects {
            self.take(Change::Modified, &pod);
        }
    }

    fn start(&mut self, node: &str, pod: &Object) -> Result<(), StoreError> {
        let Some(address) = self.free(node) else {
            tracing::debug!(node, pod = &*pod.meta.name, "waits for an address of the node's network");
            return Ok(());
        };
        self.addresses.insert(pod.meta.uid.clone(), address);
        let now = rfc3339(self.store.environment().now());
        self.store.modify(&PODS, &pod.meta.namespace, &pod.meta.name, |pod| run_all(pod, address, &now)).map(drop)
    }

    /// An address of the node's network that no pod has; the first host's is the node's own.
    fn free(&self, node: &str) -> Option<Ipv4Addr> {
        let node = self.store.get(&NODES, "", node)?.value().ok()?;
        let network: Ipv4Addr = node["spec"]["podCIDR"].as_str()?.split_once('/')?.0.parse().ok()?;
        let hosts = (2..255).map(|host| Ipv4Addr::from(u32::from(network) + host));
        hosts.into_iter().find(|address| self.addresses.values().all(|taken| taken != address))
    }
}

/// Says of a pod that everything in it runs.
fn run_all(pod: &mut Value, address: Ipv4Addr, now: &str) {
    let condition = |kind: &str| json!({ "type": kind, "status": "True", "lastTransitionTime": now });
    let container = |container: &Value| {
        json!({
            "name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0,
            "ready": true, "started": true, "state": { "running": { "startedAt": now } },
        })
    };
    let containers: Vec<_> = pod["spec"]["containers"].as_array().into_iter().flatten().map(container).collect();
    let conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map(condition);
    let status = &mut pod["status"];
    status["phase"] = "Running".into();
    status["startTime"] = now.into();
    status["podIP"] = address.to_string().into();
    status["podIPs"] = json!([{ "ip": address.to_string() }]);
    status["conditions"] = conditions.to_vec().into();
    status["containerStatuses"] = containers.into();
}
