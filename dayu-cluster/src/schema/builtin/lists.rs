//! How the lists and maps of built-in kinds are shared by several writers.
//!
//! Kubernetes says so in markers of its Go types (`+listType`, `+mapType`), which the published types lack.

use serde_json::Value;

use crate::schema::node::{Key, List};

/// Definition, list, the keys of its items (`:TCP` is the default of a key).
const MAPS: &[(&str, &str, &str)] = &[
    ("ObjectMeta", "ownerReferences", "uid"),
    ("PodSpec", "containers", "name"),
    ("PodSpec", "initContainers", "name"),
    ("PodSpec", "ephemeralContainers", "name"),
    ("PodSpec", "volumes", "name"),
    ("PodSpec", "imagePullSecrets", "name"),
    ("PodSpec", "hostAliases", "ip"),
    ("PodSpec", "topologySpreadConstraints", "topologyKey,whenUnsatisfiable"),
    ("PodSpec", "resourceClaims", "name"),
    ("PodSpec", "schedulingGates", "name"),
    ("Container", "env", "name"),
    ("Container", "ports", "containerPort,protocol:TCP"),
    ("Container", "volumeMounts", "mountPath"),
    ("Container", "volumeDevices", "devicePath"),
    ("EphemeralContainer", "env", "name"),
    ("EphemeralContainer", "ports", "containerPort,protocol:TCP"),
    ("EphemeralContainer", "volumeMounts", "mountPath"),
    ("EphemeralContainer", "volumeDevices", "devicePath"),
    ("ResourceRequirements", "claims", "name"),
    ("PodStatus", "conditions", "type"),
    ("PodStatus", "podIPs", "ip"),
    ("PodStatus", "resourceClaimStatuses", "name"),
    ("ContainerStatus", "volumeMounts", "mountPath"),
    ("ContainerStatus", "allocatedResourcesStatus", "name"),
    ("NodeStatus", "conditions", "type"),
    ("NodeStatus", "addresses", "type"),
    ("NamespaceStatus", "conditions", "type"),
    ("ServiceSpec", "ports", "port,protocol:TCP"),
    ("ServiceStatus", "conditions", "type"),
    ("ServiceAccount", "secrets", "name"),
    ("PersistentVolumeClaimStatus", "conditions", "type"),
    ("ReplicationControllerStatus", "conditions", "type"),
    ("DeploymentStatus", "conditions", "type"),
    ("ReplicaSetStatus", "conditions", "type"),
    ("DaemonSetStatus", "conditions", "type"),
    ("StatefulSetStatus", "conditions", "type"),
    ("PodDisruptionBudgetStatus", "conditions", "type"),
    ("CustomResourceDefinitionStatus", "conditions", "type"),
];

const SETS: &[(&str, &str)] = &[
    ("ObjectMeta", "finalizers"),
    ("NodeSpec", "podCIDRs"),
    ("Endpoint", "addresses"),
    ("UncountedTerminatedPods", "failed"),
    ("UncountedTerminatedPods", "succeeded"),
];

/// Definitions whose objects are one piece.
const ATOMIC: &[&str] = &[
    "LabelSelector",
    "LocalObjectReference",
    "ObjectReference",
    "OwnerReference",
    "SecretKeySelector",
    "ConfigMapKeySelector",
    "ObjectFieldSelector",
    "ResourceFieldSelector",
    "FileKeySelector",
    "TypedLocalObjectReference",
    "SecretReference",
    "NodeSelector",
    "NodeSelectorTerm",
    "TopologySelectorTerm",
    "ScopeSelector",
    "ScopedResourceSelectorRequirement",
    "EndpointAddress",
    "EndpointPort",
    "RoleRef",
    "Subject",
    "ForZone",
];

const ATOMIC_MAPS: &[(&str, &str)] =
    &[("PodSpec", "nodeSelector"), ("ServiceSpec", "selector"), ("ReplicationControllerSpec", "selector")];

/// Fields that Go writes whether set or not: structs by value, and lists without `omitempty`.
const ALWAYS: &[(&str, &str)] = &[
    ("PodTemplateSpec", "metadata"),
    ("PodTemplateSpec", "spec"),
    ("DeploymentSpec", "template"),
    ("DeploymentSpec", "strategy"),
    ("ReplicaSetSpec", "template"),
    ("DaemonSetSpec", "template"),
    ("DaemonSetSpec", "updateStrategy"),
    ("StatefulSetSpec", "template"),
    ("StatefulSetSpec", "updateStrategy"),
    ("JobSpec", "template"),
    ("JobTemplateSpec", "metadata"),
    ("JobTemplateSpec", "spec"),
    ("CronJobSpec", "jobTemplate"),
    ("PodSpec", "containers"),
    ("Container", "resources"),
    ("ServiceStatus", "loadBalancer"),
    ("NodeStatus", "daemonEndpoints"),
    ("NodeStatus", "nodeInfo"),
    ("NodeDaemonEndpoints", "kubeletEndpoint"),
    ("ContainerStatus", "state"),
    ("ContainerStatus", "lastState"),
    ("EndpointSlice", "endpoints"),
    ("EndpointSlice", "ports"),
    ("Endpoint", "conditions"),
    ("Event", "involvedObject"),
    ("Event", "source"),
    ("Event", "regarding"),
    ("Event", "deprecatedSource"),
    ("PersistentVolumeClaimSpec", "resources"),
    ("CustomResourceDefinitionSpec", "names"),
    ("CustomResourceDefinitionSpec", "versions"),
    ("CustomResourceDefinitionStatus", "acceptedNames"),
    ("CustomResourceDefinitionStatus", "conditions"),
    ("CustomResourceDefinitionStatus", "storedVersions"),
];

/// `None` where the list is one piece.
pub(super) fn list(owner: &str, name: &str) -> Option<List> {
    if SETS.contains(&(owner, name)) {
        return Some(List::Set);
    }
    let (.., keys) = MAPS.iter().find(|row| (row.0, row.1) == (owner, name))?;
    Some(List::Map(keys.split(',').map(key).collect()))
}

fn key(text: &str) -> Key {
    match text.split_once(':') {
        None => Key { name: text.into(), default: None },
        Some((name, default)) => Key { name: name.into(), default: Some(Value::from(default)) },
    }
}

pub(super) fn is_atomic(owner: &str) -> bool {
    ATOMIC.contains(&owner)
}

pub(super) fn is_atomic_map(owner: &str, name: &str) -> bool {
    ATOMIC_MAPS.contains(&(owner, name))
}

/// The parts of a whole object always are, beside those of the table.
pub(super) fn always_present(owner: &str, name: &str) -> bool {
    let part = matches!(name, "metadata" | "spec" | "status") && !matches!(owner, "" | "VolumeMountStatus");
    part && !owner.ends_with("Condition") || ALWAYS.contains(&(owner, name))
}
