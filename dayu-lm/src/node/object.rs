//! What we say of a Node that is ours.
use std::{collections::BTreeMap, net::IpAddr};

use dayu_core::{api::label, name::Device};
use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{DaemonEndpoint, Node, NodeAddress, NodeCondition, NodeDaemonEndpoints, NodeStatus},
    apimachinery::pkg::apis::meta::v1::Time,
};
use kube::{ResourceExt, api::ObjectMeta};

use super::capacity;

/// The value of the label that makes a Node ours.
const MANAGER: &str = "dayu-lm";
/// How the API reaches this node's logs.
const SCHEME: (&str, &str) = ("dayu.io/kubelet-scheme", "http");

/// The Node as we register it.
pub(super) fn node(device: &Device, role: Option<&str>) -> Node {
    let role = role.map(|role| format!("{}{role}", label::NODE_ROLE));
    let mut labels = vec![
        (label::MANAGED_BY, MANAGER),
        (label::HOSTNAME, device.as_str()),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }),
    ];
    labels.extend(role.as_deref().map(|role| (role, "")));
    let pairs = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    Node {
        metadata: ObjectMeta {
            name: Some(device.to_string()),
            labels: Some(pairs(&labels)),
            annotations: Some(pairs(&[SCHEME])),
            ..ObjectMeta::default()
        },
        ..Node::default()
    }
}

/// Whether a Node was registered by a local manager.
pub(super) fn is_ours(node: &Node) -> bool {
    node.labels().get(label::MANAGED_BY).is_some_and(|by| by == MANAGER)
}

/// Whether a Node is taken for alive.
pub(super) fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// The status of a device that is well.
pub(super) fn status(device: &Device, address: IpAddr, logs_port: u16, now: Timestamp) -> NodeStatus {
    let condition = |kind: &str, holds: bool, reason: &str, message: &str| NodeCondition {
        type_: kind.to_owned(),
        status: if holds { "True" } else { "False" }.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_heartbeat_time: Some(Time(now)),
        last_transition_time: Some(Time(now)),
    };
    let known = |kind: &str, address: String| NodeAddress { type_: kind.to_owned(), address };
    NodeStatus {
        addresses: Some(vec![known("InternalIP", address.to_string()), known("Hostname", device.to_string())]),
        capacity: Some(capacity::capacity()),
        allocatable: Some(capacity::capacity()),
        conditions: Some(vec![
            condition("MemoryPressure", false, "NotObserved", "the local manager does not watch memory"),
            condition("DiskPressure", false, "NotObserved", "the local manager does not watch disks"),
            condition("PIDPressure", false, "NotObserved", "the local manager does not watch processes"),
            condition("Ready", true, "LocalManagerReady", "the local manager runs the pods of this device"),
        ]),
        daemon_endpoints: Some(NodeDaemonEndpoints {
            kubelet_endpoint: Some(DaemonEndpoint { port: i32::from(logs_port) }),
        }),
        node_info: Some(capacity::system_info()),
        ..NodeStatus::default()
    }
}
