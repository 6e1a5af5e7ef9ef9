//! The device that a worker is pinned to: whether it is there, and how a pod stays on it.
use k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Toleration,
};

use super::{Rejection, Site};
use crate::name::Device;

/// The device named by `field`, when the site has it and no other that would be taken for it.
pub(super) fn find(site: &Site, name: &str, field: impl FnOnce() -> String) -> Result<Device, Rejection> {
    let device = Device::from(name);
    if !site.devices.contains_key(&device) {
        return Err(Rejection {
            reason: Rejection::NODE_NOT_FOUND,
            field: field(),
            message: format!("no node is named {name:?}"),
            remedy: "name one that `kubectl get nodes` lists, or let the device join under this name".to_owned(),
        });
    }
    // Names of services embed the normalised name, so requests for one of the two would reach the other.
    match site.devices.keys().find(|other| **other != device && same_normalised(other, &device)) {
        Some(other) => Err(Rejection {
            reason: Rejection::DEVICE_NAMES_COLLIDE,
            field: field(),
            message: format!("devices {name:?} and \"{other}\" are both {:?} once normalised", device.normalised()),
            remedy: "rename one of the two nodes".to_owned(),
        }),
        None => Ok(device),
    }
}

/// Compares [`Device::normalised`] without building it: every node is asked at every plan.
fn same_normalised(one: &Device, other: &Device) -> bool {
    fn normal(device: &Device) -> impl Iterator<Item = char> {
        device.as_str().chars().filter(|c| !matches!(c, '-' | '_' | '.')).flat_map(char::to_lowercase)
    }
    normal(one).eq(normal(other))
}

/// Keeps the pod on `device`, and only there.
///
/// By affinity to the node's name instead of `nodeName`: a pod that names its node is failed by the kubelet when it
/// does not fit at the moment, and its Deployment makes another at once, without end. One that is pinned by affinity
/// waits, once. The tolerations give it what `nodeName` gives: no taint against scheduling counts, and no absence of
/// the device evicts it.
pub(super) fn pin(pod: &mut PodSpec, device: &Device) {
    pod.node_name = None;
    let here = NodeSelectorRequirement {
        key: "metadata.name".to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![device.as_str().to_owned()]),
    };
    let terms = &mut pod
        .affinity
        .get_or_insert_with(Affinity::default)
        .node_affinity
        .get_or_insert_with(NodeAffinity::default)
        .required_during_scheduling_ignored_during_execution
        .get_or_insert_with(NodeSelector::default)
        .node_selector_terms;
    if terms.is_empty() {
        terms.push(NodeSelectorTerm::default());
    }
    // Terms are alternatives, so each needs the device.
    for term in terms {
        term.match_fields.get_or_insert_default().push(here.clone());
    }
    let tolerations = pod.tolerations.get_or_insert_default();
    tolerations.extend([
        tolerate(Some("node.kubernetes.io/not-ready"), "NoExecute"),
        tolerate(Some("node.kubernetes.io/unreachable"), "NoExecute"),
        tolerate(None, "NoSchedule"),
    ]);
}

fn tolerate(key: Option<&str>, effect: &str) -> Toleration {
    Toleration {
        key: key.map(str::to_owned),
        operator: Some("Exists".to_owned()),
        effect: Some(effect.to_owned()),
        ..Default::default()
    }
}
