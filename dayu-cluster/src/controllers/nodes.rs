//! Nodes: a pod network each, and the truth about those whose heartbeat stopped.
use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::feed::{Delta, Feed};
use crate::{
    environment::rfc3339,
    store::{Change, LEASES, NODES, PODS, Store},
};

/// A node is unreachable when its Lease was not renewed for so long, as in Kubernetes.
const GRACE: Duration = Duration::from_secs(40);
/// The namespace of the nodes' Leases.
const LEASE_NAMESPACE: &str = "kube-node-lease";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// The networks that nodes get, /24 each, from one larger network.
#[derive(Clone, Copy, Debug)]
pub struct PodNetworks {
    first: u32,
    count: u32,
}

/// A network that cannot be divided.
#[derive(Debug, thiserror::Error)]
#[error("pod network {0:?}: not an IPv4 network of /8 to /24, such as 127.64.0.0/11")]
pub struct NetworkError(String);

impl PodNetworks {
    /// Divides `cidr`.
    ///
    /// # Errors
    /// When it is not an IPv4 network of /8 to /24.
    pub fn parse(cidr: &str) -> Result<Self, NetworkError> {
        let refused = || NetworkError(cidr.to_owned());
        let (address, bits) = cidr.split_once('/').ok_or_else(refused)?;
        let address: Ipv4Addr = address.parse().map_err(|_| refused())?;
        let bits: u32 = bits.parse().ok().filter(|bits| (8..=24).contains(bits)).ok_or_else(refused)?;
        let mask = u32::MAX << (32 - bits);
        Ok(Self { first: u32::from(address) & mask, count: 1 << (24 - bits) })
    }

    /// The first network, from the second on, that `taken` does not hold.
    fn free(&self, taken: &BTreeSet<u32>) -> Option<u32> {
        (1..self.count.max(2)).map(|n| self.first + (n << 8)).find(|network| !taken.contains(network))
    }
}

struct Controller {
    store: Store,
    networks: PodNetworks,
    taken: BTreeMap<Box<str>, u32>,
    /// When each node is unreachable unless its Lease is renewed before.
    due: BTreeMap<Box<str>, Instant>,
}

/// Follows nodes and their Leases until dropped.
pub(super) async fn run(store: Store, networks: PodNetworks) {
    let (mut nodes, mut leases) = (Feed::new(&store, NODES), Feed::new(&store, LEASES));
    let mut controller = Controller { store, networks, taken: BTreeMap::new(), due: BTreeMap::new() };
    loop {
        let next = controller.due.values().min().copied();
        tokio::select! {
            deltas = nodes.next() => controller.take_nodes(deltas),
            deltas = leases.next() => controller.take_leases(deltas),
            () = async { match next { Some(at) => tokio::time::sleep_until(at).await, None => std::future::pending().await } } =>
                controller.expire(),
        }
    }
}

impl Controller {
    fn take_nodes(&mut self, deltas: Vec<Delta>) {
        for Delta { change, object, .. } in &deltas {
            if *change == Change::Deleted {
                self.taken.remove(&object.meta.name);
                self.due.remove(&object.meta.name);
                self.remove_pods(&object.meta.name);
            } else if let Some(network) = object.value().ok().and_then(|node| network(&node)) {
                self.taken.insert(object.meta.name.clone(), network);
            }
        }
        for Delta { change, object, .. } in deltas {
            if change != Change::Deleted && !self.taken.contains_key(&object.meta.name) {
                self.give_network(&object.meta.name);
            }
        }
    }

    fn give_network(&mut self, name: &str) {
        let taken = self.taken.values().copied().collect();
        let Some(network) = self.networks.free(&taken) else {
            tracing::warn!(
                node = name,
                "no pod network is left for this node; delete nodes or choose a larger pod network"
            );
            return;
        };
        let cidr = format!("{}/24", Ipv4Addr::from(network));
        let written = self.store.modify(&NODES, "", name, |node| {
            node["spec"]["podCIDR"] = cidr.as_str().into();
            node["spec"]["podCIDRs"] = json!([cidr]);
        });
        if written.is_ok() {
            self.taken.insert(name.into(), network);
        }
    }

    fn take_leases(&mut self, deltas: Vec<Delta>) {
        for Delta { change, object, .. } in deltas {
            if &*object.meta.namespace != LEASE_NAMESPACE {
                continue;
            }
            let name = object.meta.name.clone();
            if change == Change::Deleted {
                self.due.remove(&name);
                continue;
            }
            let renewed = object
                .value()
                .ok()
                .and_then(|lease| lease["spec"]["renewTime"].as_str()?.parse::<jiff::Timestamp>().ok());
            let age = renewed.map_or(Duration::ZERO, |at| {
                Duration::try_from(self.store.environment().now().duration_since(at)).unwrap_or_default()
            });
            self.due.insert(name, Instant::now() + GRACE.saturating_sub(age));
        }
    }

    fn expire(&mut self) {
        let now = Instant::now();
        let late: Vec<Box<str>> = self.due.iter().filter(|(_, at)| **at <= now).map(|(name, _)| name.clone()).collect();
        for name in late {
            self.due.remove(&name);
            self.mark_unreachable(&name);
        }
    }

    /// The node's own conditions are not believed any more, and its pods serve nobody until it is back.
    fn mark_unreachable(&self, name: &str) {
        let now = rfc3339(self.store.environment().now());
        let marked = self.store.modify(&NODES, "", name, |node| {
            for condition in node["status"]["conditions"].as_array_mut().into_iter().flatten() {
                condition["status"] = "Unknown".into();
                condition["reason"] = "NodeStatusUnknown".into();
                condition["message"] = "Kubelet stopped posting node status.".into();
                condition["lastTransitionTime"] = now.as_str().into();
            }
            let mut taints = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
            taints.retain(|taint| taint["key"] != UNREACHABLE);
            for effect in ["NoSchedule", "NoExecute"] {
                taints.push(json!({"key": UNREACHABLE, "effect": effect, "timeAdded": now}));
            }
            node["spec"]["taints"] = taints.into();
        });
        if marked.is_err() {
            return;
        }
        self.on_node(name, |store, namespace, pod| {
            // A pod that is gone meanwhile needs no mark.
            let _ = store.modify(&PODS, namespace, pod, |pod| {
                for condition in pod["status"]["conditions"].as_array_mut().into_iter().flatten() {
                    if condition["type"] == "Ready" && condition["status"] == "True" {
                        condition["status"] = "False".into();
                        condition["reason"] = "NodeNotReady".into();
                        condition["lastTransitionTime"] = now.as_str().into();
                    }
                }
            });
        });
    }

    /// Nobody is left who could stop the pods of a deleted node.
    fn remove_pods(&self, node: &str) {
        let now = crate::store::DeleteOptions { grace_period_seconds: Some(0), ..Default::default() };
        self.on_node(node, |store, namespace, pod| drop(store.delete(&PODS, namespace, pod, &now)));
    }

    fn on_node(&self, node: &str, act: impl Fn(&Store, &str, &str)) {
        for object in self.store.list(&PODS, None).objects {
            let pod: super::pod::Pod = object.parse().unwrap_or_default();
            if pod.spec.node_name.as_deref() == Some(node) {
                act(&self.store, &object.meta.namespace, &object.meta.name);
            }
        }
    }
}

/// The network that a node has, as a number.
fn network(node: &Value) -> Option<u32> {
    let (address, _) = node["spec"]["podCIDR"].as_str()?.split_once('/')?;
    address.parse::<Ipv4Addr>().ok().map(u32::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_given_in_order_and_again_once_free() {
        let networks = PodNetworks::parse("127.64.0.0/11").unwrap();
        let address = |taken: &[u32]| networks.free(&taken.iter().copied().collect()).map(Ipv4Addr::from);
        assert_eq!(address(&[]), Some(Ipv4Addr::new(127, 64, 1, 0)));
        assert_eq!(address(&[0x7f40_0100]), Some(Ipv4Addr::new(127, 64, 2, 0)));
        assert_eq!(address(&[0x7f40_0200]), Some(Ipv4Addr::new(127, 64, 1, 0)));
    }

    #[test]
    fn a_network_that_cannot_be_divided_is_refused() {
        for bad in ["127.64.0.0", "x/8", "10.0.0.0/28", "10.0.0.0/4"] {
            assert!(PodNetworks::parse(bad).is_err(), "{bad}");
        }
    }
}
