//! Pods without a node get one: selectors, required affinity, taints and readiness filter; the fewest pods win.
mod fit;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;

use self::fit::{Needs, NodeView};
use super::feed::{Delta, Feed};
use crate::{
    environment::rfc3339,
    store::{Change, NODES, Object, PODS, Store},
};

/// Namespace and name.
type Key = (Box<str>, Box<str>);

struct Binder {
    store: Store,
    nodes: BTreeMap<Box<str>, NodeView>,
    /// The node of each bound pod, and how many each node has.
    bound: BTreeMap<Key, Box<str>>,
    counts: BTreeMap<Box<str>, usize>,
    waiting: BTreeMap<Key, Arc<Object>>,
}

/// Follows pods and nodes until dropped.
pub(super) async fn run(store: Store) {
    let (mut pods, mut nodes) = (Feed::new(&store, PODS), Feed::new(&store, NODES));
    let mut binder = Binder {
        store,
        nodes: BTreeMap::new(),
        bound: BTreeMap::new(),
        counts: BTreeMap::new(),
        waiting: BTreeMap::new(),
    };
    loop {
        tokio::select! {
            biased;
            deltas = nodes.next() => {
                if binder.take_nodes(deltas) {
                    binder.bind_waiting();
                }
            }
            deltas = pods.next() => binder.take_pods(deltas),
        }
    }
}

impl Binder {
    /// Whether anything changed that a waiting pod may have waited for.
    fn take_nodes(&mut self, deltas: Vec<Delta>) -> bool {
        let mut news = false;
        for Delta { change, object, .. } in deltas {
            let name = object.meta.name.clone();
            if change == Change::Deleted {
                self.nodes.remove(&name);
                continue;
            }
            let view = NodeView::of(&object);
            news |= self.nodes.insert(name, view.clone()).as_ref() != Some(&view);
        }
        news
    }

    fn take_pods(&mut self, deltas: Vec<Delta>) {
        for delta in deltas {
            let pod = delta.pod();
            let Delta { change, object, .. } = delta;
            let key = (object.meta.namespace.clone(), object.meta.name.clone());
            let node = pod.spec.node_name.clone().filter(|name| !name.is_empty());
            self.waiting.remove(&key);
            if change == Change::Deleted || pod.has_ended() {
                self.count(&key, None);
            } else if node.is_some() {
                self.count(&key, node);
            } else if !object.meta.is_terminating() {
                self.bind(key, object);
            }
        }
    }

    fn count(&mut self, key: &Key, node: Option<Box<str>>) {
        let before = match &node {
            Some(node) => self.bound.insert(key.clone(), node.clone()),
            None => self.bound.remove(key),
        };
        if before == node {
            return;
        }
        if let Some(count) = before.and_then(|before| self.counts.get_mut(&before)) {
            *count = count.saturating_sub(1);
        }
        if let Some(node) = node {
            *self.counts.entry(node).or_default() += 1;
        }
    }

    fn bind_waiting(&mut self) {
        for (key, object) in std::mem::take(&mut self.waiting) {
            self.bind(key, object);
        }
    }

    fn bind(&mut self, key: Key, object: Arc<Object>) {
        let needs: Needs = object.parse().unwrap_or_default();
        if !needs.are_ours() {
            return;
        }
        let fitting = self.nodes.iter().filter(|(_, node)| needs.misfit(node).is_none());
        let count = |name: &str| self.counts.get(name).copied().unwrap_or_default();
        match fitting.map(|(name, _)| name).min_by_key(|name| (count(name), (*name).clone())).cloned() {
            Some(node) => {
                self.write(&key, &object, Some(&node), "");
                self.count(&key, Some(node));
            }
            None => {
                let reasons = fit::explain(&needs, self.nodes.values());
                self.write(&key, &object, None, &reasons);
                self.waiting.insert(key, object);
            }
        }
    }

    fn write(&self, key: &Key, object: &Object, node: Option<&str>, why: &str) {
        let now = rfc3339(self.store.environment().now());
        let written = self.store.edit(&PODS, &key.0, &key.1, |pod| {
            if pod.meta().uid != object.meta.uid {
                return;
            }
            let mut condition = json!({
                "type": "PodScheduled", "status": if node.is_some() { "True" } else { "False" }, "lastTransitionTime": now,
            });
            match node {
                Some(node) => {
                    pod.set("spec", "nodeName", node.into());
                    pod.leave_generation();
                }
                None => {
                    condition["reason"] = "Unschedulable".into();
                    condition["message"] = why.into();
                }
            }
            let mut conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let same = |old: &serde_json::Value| {
                old["type"] == "PodScheduled" && old["status"] == condition["status"] && old["message"] == condition["message"]
            };
            if !conditions.iter().any(same) {
                conditions.retain(|old| old["type"] != "PodScheduled");
                conditions.push(condition);
                pod["status"]["conditions"] = conditions.into();
            }
        });
        if let Err(error) = written {
            tracing::debug!(pod = %key.1, %error, "a pod was gone before it was bound");
        }
    }
}
