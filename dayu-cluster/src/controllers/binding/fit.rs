//! Whether a pod fits a node, and in whose words why not.
use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::labels::Requirement;
use crate::store::{Labels, Object};

/// What a node offers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct NodeView {
    name: Box<str>,
    labels: Labels,
    ready: bool,
    unschedulable: bool,
    taints: Vec<Taint>,
}

/// What a pod needs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Needs {
    spec: PodSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodSpec {
    scheduler_name: Box<str>,
    node_selector: Labels,
    affinity: Affinity,
    tolerations: Vec<Toleration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Affinity {
    node_affinity: NodeAffinity,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeAffinity {
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    required: Option<Required>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Required {
    node_selector_terms: Vec<Term>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Term {
    match_expressions: Vec<Requirement>,
    match_fields: Vec<Requirement>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Toleration {
    key: Box<str>,
    operator: Box<str>,
    value: Box<str>,
    effect: Box<str>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Taint {
    key: Box<str>,
    value: Box<str>,
    effect: Box<str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Node {
    spec: NodeSpec,
    status: super::super::pod::Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeSpec {
    unschedulable: bool,
    taints: Vec<Taint>,
}

impl NodeView {
    pub(super) fn of(object: &Object) -> Self {
        let node: Node = object.parse().unwrap_or_default();
        let ready = node.status.conditions.iter().any(|c| &*c.kind == "Ready" && &*c.status == "True");
        Self {
            name: object.meta.name.clone(),
            labels: object.meta.labels.clone(),
            ready: ready && !object.meta.is_terminating(),
            unschedulable: node.spec.unschedulable,
            taints: node.spec.taints,
        }
    }
}

impl Needs {
    /// The first thing that keeps the pod off the node, in the scheduler's words.
    pub(super) fn misfit(&self, node: &NodeView) -> Option<&'static str> {
        let selected = self.spec.node_selector.iter().all(|(key, value)| node.labels.get(key) == Some(value));
        if !selected || !self.affine(node) {
            return Some("didn't match Pod's node affinity/selector");
        }
        if node.unschedulable
            && !self.tolerates(&Taint {
                key: "node.kubernetes.io/unschedulable".into(),
                value: "".into(),
                effect: "NoSchedule".into(),
            })
        {
            return Some("were unschedulable");
        }
        let untolerated = |taint: &&Taint| &*taint.effect != "PreferNoSchedule" && !self.tolerates(taint);
        if node.taints.iter().any(|taint| untolerated(&taint)) {
            return Some("had untolerated taint(s)");
        }
        (!node.ready).then_some("were not ready")
    }

    /// Pods may name a scheduler of their own, which binds them instead.
    pub(super) fn are_ours(&self) -> bool {
        matches!(&*self.spec.scheduler_name, "" | "default-scheduler")
    }

    fn affine(&self, node: &NodeView) -> bool {
        let Some(required) = &self.spec.affinity.node_affinity.required else { return true };
        required.node_selector_terms.iter().any(|term| {
            let some = !term.match_expressions.is_empty() || !term.match_fields.is_empty();
            let labels = term.match_expressions.iter().all(|r| r.holds(node.labels.get(&r.key)));
            let fields = term.match_fields.iter().all(|r| r.holds((&*r.key == "metadata.name").then_some(&*node.name)));
            some && labels && fields
        })
    }

    fn tolerates(&self, taint: &Taint) -> bool {
        self.spec.tolerations.iter().any(|toleration| {
            let effect = toleration.effect.is_empty() || toleration.effect == taint.effect;
            let exists = &*toleration.operator == "Exists";
            let key = toleration.key == taint.key || (exists && toleration.key.is_empty());
            effect && key && (exists || toleration.value == taint.value)
        })
    }
}

/// `0/3 nodes are available: 2 node(s) …`, as kube-scheduler says it.
pub(super) fn explain<'a>(needs: &Needs, nodes: impl Iterator<Item = &'a NodeView>) -> String {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let mut all = 0;
    for node in nodes {
        all += 1;
        *reasons.entry(needs.misfit(node).unwrap_or_default()).or_default() += 1;
    }
    if all == 0 {
        return "no nodes available to schedule pods".to_owned();
    }
    let reasons: Vec<String> = reasons.iter().map(|(reason, count)| format!("{count} node(s) {reason}")).collect();
    format!("0/{all} nodes are available: {}.", reasons.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(name: &str, ready: bool, taints: &serde_json::Value) -> NodeView {
        let text = json!({
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
            "spec": {"taints": taints},
            "status": {"conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]},
        });
        NodeView::of(&Object::from_json(text.to_string().into()).unwrap())
    }

    fn pinned(to: &str) -> Needs {
        serde_json::from_value(json!({"spec": {
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [to]}]}]}}},
            "tolerations": [{"key": "edge", "operator": "Exists", "effect": "NoSchedule"}],
        }}))
        .unwrap()
    }

    #[test]
    fn a_pinned_pod_fits_its_node_only_and_only_while_it_is_ready() {
        let pod = pinned("cloud.kubeedge");
        assert_eq!(pod.misfit(&node("cloud.kubeedge", true, &json!([]))), None);
        assert_eq!(pod.misfit(&node("cloud.kubeedge", false, &json!([]))), Some("were not ready"));
        assert!(pod.misfit(&node("edge", true, &json!([]))).is_some());
    }

    #[test]
    fn taints_keep_off_whom_does_not_tolerate_them() {
        let tainted = |key: &str| node("a", true, &json!([{"key": key, "effect": "NoSchedule"}]));
        assert_eq!(pinned("a").misfit(&tainted("edge")), None);
        assert_eq!(pinned("a").misfit(&tainted("other")), Some("had untolerated taint(s)"));
    }

    #[test]
    fn what_keeps_a_pod_waiting_is_counted() {
        let nodes = [node("a", false, &json!([])), node("b", true, &json!([])), node("c", true, &json!([]))];
        let text = explain(&pinned("a"), nodes.iter());
        assert_eq!(
            text,
            "0/3 nodes are available: 2 node(s) didn't match Pod's node affinity/selector, 1 node(s) were not ready."
        );
        assert_eq!(explain(&pinned("a"), [].iter()), "no nodes available to schedule pods");
    }
}
