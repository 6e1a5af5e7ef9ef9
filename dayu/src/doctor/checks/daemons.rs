//! Where the daemons run as pods: each of them runs, on every device, of one release.
use std::collections::{BTreeMap, BTreeSet};

use dayu_core::api::NAMESPACE;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::ResourceExt;

use crate::doctor::finding::Finding;

const CHECK: &str = "daemon";
/// Those that every device has one of.
const ON_EACH_DEVICE: [&str; 2] = ["lm", "mesh"];

/// Nothing where none is a pod: then they are processes, of which the other checks tell.
pub(super) fn check(nodes: &[Node], pods: &[Pod]) -> Vec<Finding> {
    let own: Vec<&Pod> = pods.iter().filter(|pod| is_ours(pod)).collect();
    let mut findings: Vec<Finding> = own.iter().filter_map(|pod| trouble(pod)).collect();
    for component in ON_EACH_DEVICE {
        let on: BTreeSet<&str> = own.iter().filter(|pod| component_of(pod) == component).filter_map(device).collect();
        if !on.is_empty() {
            let missing = nodes.iter().map(ResourceExt::name_any).filter(|node| !on.contains(&**node));
            findings.extend(missing.map(|node| absent(component, &node)));
        }
    }
    findings.extend(releases(&own));
    if findings.is_empty() && !own.is_empty() {
        findings.push(Finding::good(CHECK, NAMESPACE, format!("all {} pods run", own.len())));
    }
    findings
}

/// Whether a pod is one of the layer's daemons.
pub(super) fn is_ours(pod: &Pod) -> bool {
    let labels = pod.labels();
    let is = |label: &str, value: &str| labels.get(label).is_some_and(|is| is == value);
    pod.namespace().as_deref() == Some(NAMESPACE) && is("app.kubernetes.io/name", "dayu")
}

fn component_of<'a>(pod: &&'a Pod) -> &'a str {
    pod.labels().get("app.kubernetes.io/component").map_or("", String::as_str)
}

fn device<'a>(pod: &&'a Pod) -> Option<&'a str> {
    pod.spec.as_ref()?.node_name.as_deref()
}

/// What keeps a pod from running.
fn trouble(pod: &Pod) -> Option<Finding> {
    let status = pod.status.as_ref()?;
    let place = device(&pod).unwrap_or("no device");
    let about = format!("{} on {place}", component_of(&pod));
    let container = status.container_statuses.iter().flatten().next();
    if let Some(waiting) = container.and_then(|container| container.state.as_ref()?.waiting.as_ref()) {
        let reason = waiting.reason.as_deref().unwrap_or("Waiting");
        let found = format!("{reason}: {}", waiting.message.as_deref().unwrap_or_default());
        return Some(Finding::fault(CHECK, about, found, remedy(reason, &pod.name_any())));
    }
    if place == "no device" {
        let unscheduled = status.conditions.iter().flatten().find(|condition| condition.type_ == "PodScheduled");
        let why =
            unscheduled.and_then(|condition| condition.message.as_deref()).unwrap_or("it has not been placed yet");
        return Some(Finding::fault(CHECK, about, why, "free what it asks for, or set tolerations and nodeSelector"));
    }
    if container.is_some_and(|container| !container.ready) {
        let remedy = format!("`kubectl -n {NAMESPACE} logs {}` says why", pod.name_any());
        return Some(Finding::warning(CHECK, about, "is not ready", remedy));
    }
    None
}

fn remedy(reason: &str, pod: &str) -> String {
    match reason {
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => {
            "let the device reach the registry, or load the image there; image.repository, image.tag and image.pullSecrets of the chart name it".to_owned()
        }
        "CrashLoopBackOff" => format!("`kubectl -n {NAMESPACE} logs {pod} --previous` says why it ended"),
        _ => format!("`kubectl -n {NAMESPACE} describe pod {pod}` says more"),
    }
}

fn absent(component: &str, node: &str) -> Finding {
    let found = "is not there: what is asked of this device reaches nothing, or never becomes active";
    let remedy = format!(
        "does a taint or a node selector keep it away? `kubectl describe node {node}`, and {component}.tolerations of the chart"
    );
    Finding::fault(CHECK, format!("{component} on {node}"), found, remedy)
}

fn releases(own: &[&Pod]) -> Option<Finding> {
    let mut images: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for pod in own {
        let container = pod.spec.as_ref().and_then(|spec| spec.containers.first());
        if let Some(image) = container.and_then(|container| container.image.as_deref()) {
            images.entry(image).or_default().insert(component_of(pod));
        }
    }
    if images.len() < 2 {
        return None;
    }
    let each =
        images.iter().map(|(image, who)| format!("{} of {image}", who.iter().copied().collect::<Vec<_>>().join(", ")));
    let found = format!("more than one release: {}", each.collect::<Vec<_>>().join("; "));
    Some(Finding::warning(CHECK, NAMESPACE, found, "end the upgrade: `kubectl -n dayu-system rollout status` of each"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn node(name: &str) -> Node {
        serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()
    }

    fn pod(component: &str, device: Option<&str>, state: Value, image: &str) -> Pod {
        let labels = json!({"app.kubernetes.io/name": "dayu", "app.kubernetes.io/component": component});
        let container = json!({"name": "c", "image": image, "imageID": "", "ready": state.get("running").is_some(), "restartCount": 0, "state": state});
        serde_json::from_value(json!({
            "metadata": {"name": format!("dayu-{component}-x"), "namespace": "dayu-system", "labels": labels},
            "spec": {"nodeName": device, "containers": [{"name": "c", "image": image}]},
            "status": {"containerStatuses": [container]},
        }))
        .unwrap()
    }

    fn well(component: &str, device: &str) -> Pod {
        pod(component, Some(device), json!({"running": {}}), "dayu:1")
    }

    #[test]
    fn one_of_each_on_every_device_is_well() {
        let pods = [well("gm", "edge1"), well("lm", "edge1"), well("mesh", "edge1")];
        assert_eq!(check(&[node("edge1")], &pods), [Finding::good("daemon", "dayu-system", "all 3 pods run")]);
    }

    #[test]
    fn processes_are_not_missed_as_pods() {
        assert_eq!(check(&[node("edge1")], &[]), []);
    }

    #[test]
    fn a_device_without_a_mesh_is_named_with_the_taint() {
        let findings = check(&[node("cloud"), node("edge1")], &[well("mesh", "edge1")]);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].is_fault() && findings[0].about == "mesh on cloud", "{findings:?}");
        assert!(findings[0].state.remedy().unwrap().contains("taint"));
    }

    #[test]
    fn an_image_that_cannot_be_pulled_is_told_by_what_it_is() {
        let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such host"}});
        let findings = check(&[node("edge1")], &[pod("mesh", Some("edge1"), waiting, "dayu:1")]);
        assert!(findings[0].is_fault() && findings[0].found == "ImagePullBackOff: no such host", "{findings:?}");
        assert!(findings[0].state.remedy().unwrap().contains("registry"));
    }

    #[test]
    fn one_that_is_not_ready_or_not_placed_is_told() {
        let not_ready = check(&[node("edge1")], &[pod("lm", Some("edge1"), json!({}), "dayu:1")]);
        assert_eq!(not_ready[0].state.word(), "warning");
        assert!(check(&[node("edge1")], &[pod("gm", None, json!({}), "dayu:1")])[0].is_fault());
    }

    #[test]
    fn two_releases_are_told_with_who_runs_which() {
        let newer = pod("gm", Some("edge1"), json!({"running": {}}), "dayu:2");
        let findings = check(&[node("edge1")], &[newer, well("mesh", "edge1")]);
        assert_eq!(findings[0].state.word(), "warning");
        assert!(findings[0].found.contains("mesh of dayu:1; gm of dayu:2"), "{findings:?}");
    }
}
