//! Nodes: a pod network each, and the truth about those whose heartbeat stopped.
mod health;
mod networks;

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use serde_json::json;

use self::networks::Given;
pub(crate) use self::networks::{NetworkError, PodNetworks};
use super::{
    feed::{Delta, Feed},
    pod::{Pod, Status},
    timers::Timers,
};
use crate::{
    environment::rfc3339,
    store::{Change, DeleteOptions, LEASES, NODES, PODS, Store},
};

/// A node is unreachable when its Lease was not renewed for so long, as in Kubernetes.
const GRACE: Duration = Duration::from_secs(40);
/// The namespace of the nodes' Leases.
const LEASE_NAMESPACE: &str = "kube-node-lease";

/// What is read of a node.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Node {
    spec: NodeSpec,
    status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeSpec {
    #[serde(rename = "podCIDR")]
    pod_cidr: Box<str>,
}

struct Controller {
    store: Store,
    given: Given,
    /// Whether each node was ready when it was last seen.
    ready: BTreeMap<Box<str>, bool>,
    /// When each node is unreachable unless its Lease is renewed before.
    heartbeats: Timers<Box<str>>,
}

/// Follows nodes and their Leases until dropped.
pub(super) async fn run(store: Store, networks: PodNetworks) {
    let (mut nodes, mut leases) = (Feed::new(&store, NODES), Feed::new(&store, LEASES));
    let given = Given::new(networks);
    let mut controller = Controller { store, given, ready: BTreeMap::new(), heartbeats: Timers::default() };
    loop {
        tokio::select! {
            deltas = nodes.next() => controller.take_nodes(&deltas),
            deltas = leases.next() => deltas.into_iter().for_each(|delta| controller.take_lease(delta)),
            late = controller.heartbeats.due() => late.iter().for_each(|name| controller.doubt(name)),
        }
    }
}

impl Controller {
    fn take_nodes(&mut self, deltas: &[Delta]) {
        let seen = |delta: &&Delta| delta.change != Change::Deleted;
        // What nodes have is known before anything is given.
        for Delta { object, .. } in deltas.iter().filter(seen) {
            let node: Node = object.parse().unwrap_or_default();
            self.given.note(&object.meta.name, &node.spec.pod_cidr);
        }
        for delta in deltas {
            let name = &delta.object.meta.name;
            if !seen(&delta) {
                self.forget(name);
                continue;
            }
            let node: Node = delta.object.parse().unwrap_or_default();
            if node.spec.pod_cidr.is_empty() {
                self.give_network(name);
            }
            self.follow_readiness(name, &node.status);
        }
    }

    fn give_network(&mut self, name: &str) {
        let Some(cidr) = self.given.give(name) else {
            tracing::warn!(node = name, "no pod network is left; delete nodes or choose a larger pod network");
            return;
        };
        let mut kept = None;
        let written = self.store.modify(&NODES, "", name, |node| match node["spec"]["podCIDR"].as_str() {
            Some(already) if !already.is_empty() => kept = Some(already.to_owned()),
            _ => {
                node["spec"]["podCIDR"] = cidr.as_str().into();
                node["spec"]["podCIDRs"] = json!([cidr]);
            }
        });
        match (written, kept) {
            (Ok(_), None) => {}
            (Ok(_), Some(already)) => self.given.note(name, &already),
            // Gone again.
            (Err(_), _) => self.given.release(name),
        }
    }

    /// Taints say what the Ready condition says; pods of a node that is no longer ready serve nobody.
    fn follow_readiness(&mut self, name: &str, status: &Status) {
        let now = rfc3339(self.store.environment().now());
        if let Err(error) = self.store.modify(&NODES, "", name, |node| health::align_taints(node, &now)) {
            tracing::debug!(node = name, %error, "gone before its taints were set");
        }
        let ready = status.condition("Ready") == Some("True");
        let was_ready = self.ready.insert(name.into(), ready);
        if was_ready == Some(true) && !ready {
            self.on_node(name, |store, namespace, pod| {
                // A pod that is gone meanwhile needs no mark.
                drop(store.modify(&PODS, namespace, pod, |pod| health::silence(pod, &now)));
            });
        }
    }

    /// A renewal counts from when it is seen: the clocks of devices are not to be compared with ours.
    fn take_lease(&mut self, Delta { change, object, .. }: Delta) {
        if &*object.meta.namespace == LEASE_NAMESPACE && change != Change::Deleted {
            self.heartbeats.set(object.meta.name.clone(), GRACE);
        }
    }

    fn doubt(&self, name: &str) {
        let now = rfc3339(self.store.environment().now());
        if self.store.get(&NODES, "", name).is_none() {
            return;
        }
        tracing::info!(node = name, "no heartbeat for {GRACE:?}: unreachable");
        if let Err(error) = self.store.modify(&NODES, "", name, |node| health::doubt(node, &now)) {
            tracing::debug!(node = name, %error, "gone before it was doubted");
        }
    }

    /// Nobody is left who could stop the pods of a deleted node.
    fn forget(&mut self, name: &str) {
        self.given.release(name);
        self.ready.remove(name);
        self.heartbeats.cancel(&Box::from(name));
        let at_once = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
        self.on_node(name, |store, namespace, pod| drop(store.delete(&PODS, namespace, pod, &at_once)));
    }

    /// Rare enough to look at every pod.
    fn on_node(&self, node: &str, act: impl Fn(&Store, &str, &str)) {
        for object in self.store.list(&PODS, None).objects {
            let pod: Pod = object.parse().unwrap_or_default();
            if pod.spec.node_name.as_deref() == Some(node) {
                act(&self.store, &object.meta.namespace, &object.meta.name);
            }
        }
    }
}
