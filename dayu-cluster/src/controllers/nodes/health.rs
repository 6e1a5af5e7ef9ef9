//! What follows from a node's Ready condition. Pure.
use serde_json::{Value, json};

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// The taint that fits a Ready condition of this status.
fn taint_of(ready: Option<&str>) -> Option<&'static str> {
    match ready {
        Some("False") => Some(NOT_READY),
        Some("Unknown") => Some(UNREACHABLE),
        _ => None,
    }
}

/// Brings the taints in line with the Ready condition. No change when they are.
pub(super) fn align_taints(node: &mut Value, now: &str) {
    let ready = conditions(node).find(|condition| condition["type"] == "Ready");
    let wanted = taint_of(ready.and_then(|condition| condition["status"].as_str()));
    let before = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
    let ours = |taint: &Value| taint["key"] == NOT_READY || taint["key"] == UNREACHABLE;
    let mut taints: Vec<Value> =
        before.iter().filter(|taint| !ours(taint) || wanted.is_some_and(|key| taint["key"] == key)).cloned().collect();
    for effect in ["NoSchedule", "NoExecute"] {
        let Some(key) = wanted else { break };
        if !taints.iter().any(|taint| taint["key"] == key && taint["effect"] == effect) {
            taints.push(json!({"key": key, "effect": effect, "timeAdded": now}));
        }
    }
    if taints == before {
        return;
    }
    let Some(spec) = node["spec"].as_object_mut() else { return };
    match taints.is_empty() {
        true => drop(spec.remove("taints")),
        false => drop(spec.insert("taints".into(), taints.into())),
    }
}

/// Nothing was heard of the node: what it said of itself is not believed any more.
pub(super) fn doubt(node: &mut Value, now: &str) {
    let unknown = |condition: &mut Value| {
        condition["status"] = "Unknown".into();
        condition["reason"] = "NodeStatusUnknown".into();
        condition["message"] = "Kubelet stopped posting node status.".into();
        condition["lastTransitionTime"] = now.into();
    };
    let mut conditions: Vec<Value> = conditions(node).cloned().collect();
    if !conditions.iter().any(|condition| condition["type"] == "Ready") {
        conditions.push(json!({"type": "Ready"}));
    }
    conditions.iter_mut().filter(|condition| condition["status"] != "Unknown").for_each(unknown);
    node["status"]["conditions"] = conditions.into();
}

/// Whoever calls the pod of such a node gets no answer.
pub(super) fn silence(pod: &mut Value, now: &str) {
    for condition in pod["status"]["conditions"].as_array_mut().into_iter().flatten() {
        if condition["type"] == "Ready" && condition["status"] == "True" {
            condition["status"] = "False".into();
            condition["reason"] = "NodeNotReady".into();
            condition["lastTransitionTime"] = now.into();
        }
    }
}

fn conditions(node: &Value) -> impl Iterator<Item = &Value> {
    node["status"]["conditions"].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(ready: &str) -> Value {
        json!({"spec": {"taints": [{"key": "edge", "effect": "NoSchedule"}]},
               "status": {"conditions": [{"type": "Ready", "status": ready}]}})
    }

    fn keys(node: &Value) -> Vec<&str> {
        node["spec"]["taints"].as_array().into_iter().flatten().filter_map(|taint| taint["key"].as_str()).collect()
    }

    #[test]
    fn taints_follow_the_condition_there_and_back() {
        let mut node = node("True");
        doubt(&mut node, "t1");
        align_taints(&mut node, "t1");
        assert_eq!(keys(&node), ["edge", UNREACHABLE, UNREACHABLE]);
        let doubted = node.clone();
        align_taints(&mut node, "t2");
        assert_eq!(node, doubted);
        for (status, expected) in
            [("False", vec!["edge", NOT_READY, NOT_READY]), ("True", vec!["edge"]), ("True", vec!["edge"])]
        {
            node["status"]["conditions"][0]["status"] = status.into();
            align_taints(&mut node, "t3");
            assert_eq!(keys(&node), expected);
        }
    }

    #[test]
    fn a_node_that_never_spoke_is_doubted_too() {
        let mut node = json!({"spec": {}, "status": {}});
        doubt(&mut node, "t");
        align_taints(&mut node, "t");
        assert_eq!(keys(&node), [UNREACHABLE, UNREACHABLE]);
    }
}
