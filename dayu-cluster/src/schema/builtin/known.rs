//! The built-in kinds by name, and what their definitions are called.

use serde_json::{Map, Value};

use super::openapi;

/// Kinds of one version of one group.
struct Package {
    /// What OpenAPI documents put before the name of a kind.
    name: &'static str,
    group: &'static str,
    kinds: &'static [&'static str],
}

const fn package(name: &'static str, group: &'static str, kinds: &'static [&'static str]) -> Package {
    Package { name, group, kinds }
}

/// All of them are of version `v1`.
static PACKAGES: [Package; 14] = [
    package(
        "io.k8s.api.core.v1",
        "",
        &[
            "Namespace",
            "Node",
            "Pod",
            "Service",
            "Endpoints",
            "ConfigMap",
            "Secret",
            "ServiceAccount",
            "Event",
            "PersistentVolumeClaim",
            "PersistentVolume",
            "ResourceQuota",
            "LimitRange",
            "ReplicationController",
            "PodTemplate",
        ],
    ),
    package(
        "io.k8s.api.apps.v1",
        "apps",
        &["Deployment", "ReplicaSet", "DaemonSet", "StatefulSet", "ControllerRevision"],
    ),
    package("io.k8s.api.batch.v1", "batch", &["Job", "CronJob"]),
    package("io.k8s.api.discovery.v1", "discovery.k8s.io", &["EndpointSlice"]),
    package("io.k8s.api.coordination.v1", "coordination.k8s.io", &["Lease"]),
    package("io.k8s.api.events.v1", "events.k8s.io", &["Event"]),
    package(
        "io.k8s.api.rbac.v1",
        "rbac.authorization.k8s.io",
        &["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"],
    ),
    package("io.k8s.api.policy.v1", "policy", &["PodDisruptionBudget"]),
    package("io.k8s.api.networking.v1", "networking.k8s.io", &["Ingress", "NetworkPolicy"]),
    package("io.k8s.api.scheduling.v1", "scheduling.k8s.io", &["PriorityClass"]),
    package("io.k8s.api.storage.v1", "storage.k8s.io", &["StorageClass"]),
    package(
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
        "apiextensions.k8s.io",
        &["CustomResourceDefinition"],
    ),
    package(
        "io.k8s.api.authorization.v1",
        "authorization.k8s.io",
        &["SelfSubjectAccessReview", "SelfSubjectRulesReview"],
    ),
    package("io.k8s.api.authentication.v1", "authentication.k8s.io", &["SelfSubjectReview"]),
];

/// What OpenAPI documents call a built-in kind; `None` where it is not known.
pub(crate) fn definition_name(group: &str, version: &str, kind: &str) -> Option<String> {
    let mut packages = PACKAGES.iter().filter(|package| package.group == group && version == "v1");
    let package = packages.find(|package| package.kinds.contains(&kind))?;
    Some(format!("{}.{kind}", package.name))
}

/// All definitions of a built-in kind, for OpenAPI documents.
pub(crate) fn definitions(group: &str, version: &str, kind: &str) -> Map<String, Value> {
    definition_name(group, version, kind).map(|name| openapi::definitions(&name)).unwrap_or_default()
}
