//! Every device is ready, has an address and a local manager, and its name is its own.
use std::collections::BTreeMap;

use dayu_core::{link::lease_of, name::Device};
use k8s_openapi::api::{
    coordination::v1::Lease,
    core::v1::{Node, Pod},
};
use kube::ResourceExt;

use super::stuck::is_worker;
use crate::{doctor::finding::Finding, mesh_api};

const CHECK: &str = "device";

pub(super) fn check(nodes: &[Node], pods: &[Pod], leases: &[Lease]) -> Vec<Finding> {
    if nodes.is_empty() {
        return vec![Finding::fault(CHECK, "any", "there is none", "join one: `dayu lm --node NAME` on the device")];
    }
    let each = nodes.iter().map(|node| {
        let name = node.name_any();
        let has_manager = leases.iter().any(|lease| lease.name_any() == lease_of(&Device::from(name.as_str())));
        let placed = |pod: &&Pod| pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(&*name);
        let works = pods.iter().filter(|pod| is_worker(pod)).any(|pod| placed(&pod));
        one(node, has_manager, works)
    });
    collisions(nodes).into_iter().chain(each).collect()
}

fn one(node: &Node, has_manager: bool, works: bool) -> Finding {
    let name = node.name_any();
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions.into_iter().flatten().find(|condition| condition.type_ == "Ready");
    if ready.is_none_or(|ready| ready.status != "True") {
        let why = ready.and_then(|ready| ready.message.as_deref()).unwrap_or("it has never said how it is");
        let remedy = format!("is {name} on, and does its kubelet, edgecore or local manager run and reach the API?");
        return Finding::fault(CHECK, name, format!("is not ready: {why}"), remedy);
    }
    if mesh_api::device(node).is_none() {
        let remedy = "let whoever registered the node report an InternalIP: requests to the device go there";
        return Finding::fault(CHECK, name, "has no InternalIP", remedy);
    }
    let remedy = format!("run `dayu lm --node {name}` there; does a taint keep the pods of dayu-lm away?");
    match (has_manager, works) {
        (true, _) => Finding::good(CHECK, name, "is ready and has a local manager"),
        (false, true) => {
            let found = "runs workers and no local manager has spoken for it: nothing there is ever activated";
            Finding::fault(CHECK, name, found, remedy)
        }
        (false, false) => Finding::warning(CHECK, name, "no local manager has spoken for it", remedy),
    }
}

/// Names of which only one can be used, because services' names embed them without `-`, `_` and `.`.
fn collisions(nodes: &[Node]) -> Vec<Finding> {
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in nodes {
        let name = node.name_any();
        seen.entry(Device::from(name.as_str()).normalised()).or_default().push(name);
    }
    let shared = seen.into_iter().filter(|(_, names)| names.len() > 1);
    let finding = |(normalised, names): (String, Vec<String>)| {
        let found = format!("are the same once -, _ and . are dropped ({normalised}), as service names do");
        Finding::fault(CHECK, names.join(", "), found, "rename all but one")
    };
    shared.map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(name: &str, ready: &str, addressed: bool) -> Node {
        let mut status = json!({"conditions": [{"type": "Ready", "status": ready, "message": "kubelet stopped"}]});
        if addressed {
            status["addresses"] = json!([{"type": "InternalIP", "address": "192.0.2.1"}]);
        }
        serde_json::from_value(json!({"metadata": {"name": name}, "status": status})).unwrap()
    }

    fn lease(device: &str) -> Lease {
        serde_json::from_value(json!({"metadata": {"name": format!("lm-{device}")}})).unwrap()
    }

    fn worker(device: &str) -> Pod {
        let labels = json!({"dayu.io/runtime-service-uid": "1"});
        let pod = json!({"metadata": {"name": "w", "labels": labels}, "spec": {"nodeName": device, "containers": []}});
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn one_that_is_ready_and_spoken_for_is_well() {
        let findings = check(&[node("edge1", "True", true)], &[], &[lease("edge1")]);
        assert_eq!(findings, [Finding::good("device", "edge1", "is ready and has a local manager")]);
    }

    #[test]
    fn none_at_all_is_a_fault() {
        assert!(check(&[], &[], &[])[0].is_fault());
    }

    #[test]
    fn one_that_is_away_or_has_no_address_says_why() {
        let away = check(&[node("edge1", "Unknown", true)], &[], &[lease("edge1")]);
        assert!(away[0].is_fault() && away[0].found.contains("kubelet stopped"), "{away:?}");
        let lost = check(&[node("edge1", "True", false)], &[], &[lease("edge1")]);
        assert!(lost[0].is_fault() && lost[0].found.contains("InternalIP"), "{lost:?}");
    }

    #[test]
    fn without_a_local_manager_workers_make_it_a_fault() {
        let nodes = [node("edge1", "True", true)];
        assert_eq!(check(&nodes, &[], &[])[0].state.word(), "warning");
        assert!(check(&nodes, &[worker("edge1")], &[])[0].is_fault());
        assert!(!check(&nodes, &[worker("edge2")], &[])[0].is_fault());
    }

    #[test]
    fn names_that_collide_are_told_together() {
        let nodes = [node("edge-1", "True", true), node("edge1", "True", true), node("cloud", "True", true)];
        let leases = [lease("edge-1"), lease("edge1"), lease("cloud")];
        let faults: Vec<_> = check(&nodes, &[], &leases).into_iter().filter(Finding::is_fault).collect();
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].about, "edge-1, edge1");
    }
}
