//! The built-in kinds by name, each with its type.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use k8s_openapi::api::{
    apps::v1 as apps, authentication::v1 as authentication, authorization::v1 as authorization, batch::v1 as batch,
    coordination::v1 as coordination, core::v1 as core, discovery::v1 as discovery, events::v1 as events,
    networking::v1 as networking, policy::v1 as policy, rbac::v1 as rbac, scheduling::v1 as scheduling,
    storage::v1 as storage,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as apiextensions;
use k8s_openapi::schemars::JsonSchema;
use serde_json::{Map, Value};

use super::read;
use crate::schema::Node;

pub(super) struct Known {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    name: fn() -> Cow<'static, str>,
    definitions: fn() -> Map<String, Value>,
    node: OnceLock<Arc<Node>>,
}

impl Known {
    const fn new<T: JsonSchema>(group: &'static str, version: &'static str, kind: &'static str) -> Self {
        Self { group, version, kind, name: T::schema_name, definitions: read::definitions::<T>, node: OnceLock::new() }
    }

    /// Reading takes a millisecond: done when somebody first asks.
    pub(super) fn node(&self) -> &Arc<Node> {
        self.node.get_or_init(|| read::read(&(self.definitions)(), &(self.name)()))
    }
}

static KINDS: [Known; 38] = [
    Known::new::<core::Namespace>("", "v1", "Namespace"),
    Known::new::<core::Node>("", "v1", "Node"),
    Known::new::<core::Pod>("", "v1", "Pod"),
    Known::new::<core::Service>("", "v1", "Service"),
    Known::new::<core::Endpoints>("", "v1", "Endpoints"),
    Known::new::<core::ConfigMap>("", "v1", "ConfigMap"),
    Known::new::<core::Secret>("", "v1", "Secret"),
    Known::new::<core::ServiceAccount>("", "v1", "ServiceAccount"),
    Known::new::<core::Event>("", "v1", "Event"),
    Known::new::<core::PersistentVolumeClaim>("", "v1", "PersistentVolumeClaim"),
    Known::new::<core::PersistentVolume>("", "v1", "PersistentVolume"),
    Known::new::<core::ResourceQuota>("", "v1", "ResourceQuota"),
    Known::new::<core::LimitRange>("", "v1", "LimitRange"),
    Known::new::<core::ReplicationController>("", "v1", "ReplicationController"),
    Known::new::<core::PodTemplate>("", "v1", "PodTemplate"),
    Known::new::<apps::Deployment>("apps", "v1", "Deployment"),
    Known::new::<apps::ReplicaSet>("apps", "v1", "ReplicaSet"),
    Known::new::<apps::DaemonSet>("apps", "v1", "DaemonSet"),
    Known::new::<apps::StatefulSet>("apps", "v1", "StatefulSet"),
    Known::new::<apps::ControllerRevision>("apps", "v1", "ControllerRevision"),
    Known::new::<batch::Job>("batch", "v1", "Job"),
    Known::new::<batch::CronJob>("batch", "v1", "CronJob"),
    Known::new::<discovery::EndpointSlice>("discovery.k8s.io", "v1", "EndpointSlice"),
    Known::new::<coordination::Lease>("coordination.k8s.io", "v1", "Lease"),
    Known::new::<events::Event>("events.k8s.io", "v1", "Event"),
    Known::new::<rbac::Role>("rbac.authorization.k8s.io", "v1", "Role"),
    Known::new::<rbac::RoleBinding>("rbac.authorization.k8s.io", "v1", "RoleBinding"),
    Known::new::<rbac::ClusterRole>("rbac.authorization.k8s.io", "v1", "ClusterRole"),
    Known::new::<rbac::ClusterRoleBinding>("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding"),
    Known::new::<policy::PodDisruptionBudget>("policy", "v1", "PodDisruptionBudget"),
    Known::new::<networking::Ingress>("networking.k8s.io", "v1", "Ingress"),
    Known::new::<networking::NetworkPolicy>("networking.k8s.io", "v1", "NetworkPolicy"),
    Known::new::<scheduling::PriorityClass>("scheduling.k8s.io", "v1", "PriorityClass"),
    Known::new::<storage::StorageClass>("storage.k8s.io", "v1", "StorageClass"),
    Known::new::<apiextensions::CustomResourceDefinition>("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
    Known::new::<authorization::SelfSubjectAccessReview>("authorization.k8s.io", "v1", "SelfSubjectAccessReview"),
    Known::new::<authorization::SelfSubjectRulesReview>("authorization.k8s.io", "v1", "SelfSubjectRulesReview"),
    Known::new::<authentication::SelfSubjectReview>("authentication.k8s.io", "v1", "SelfSubjectReview"),
];

pub(super) fn find(group: &str, version: &str, kind: &str) -> Option<&'static Known> {
    KINDS.iter().find(|known| known.kind == kind && known.group == group && known.version == version)
}

/// What OpenAPI documents call a built-in kind.
pub(crate) fn definition_name(group: &str, version: &str, kind: &str) -> Option<Cow<'static, str>> {
    find(group, version, kind).map(|known| (known.name)())
}

/// All definitions of a built-in kind, for OpenAPI documents.
pub(crate) fn definitions(group: &str, version: &str, kind: &str) -> Map<String, Value> {
    find(group, version, kind).map(|known| (known.definitions)()).unwrap_or_default()
}
