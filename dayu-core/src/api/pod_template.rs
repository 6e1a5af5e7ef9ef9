//! The pod that a custom resource asks for.
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodSpec;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A pod to make: what of a pod's metadata a user may choose, and its spec.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PodTemplate {
    /// Labels and annotations of the pod.
    #[serde(skip_serializing_if = "TemplateMetadata::is_empty")]
    pub metadata: TemplateMetadata,
    /// The pod itself, as Kubernetes has it.
    #[schemars(schema_with = "pod_spec")]
    pub spec: PodSpec,
}

/// The part of a pod's metadata that a template keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TemplateMetadata {
    /// Labels of the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations of the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

impl TemplateMetadata {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Marks where [`crds`](super::crds) puts the schema of a PodSpec.
///
/// The derived definitions get it only there: rewriting its thousand fields once for each place that holds a pod takes
/// longer than everything else a manager does until it is ready.
pub(super) const POD_SPEC: &str = "io.k8s.api.core.v1.PodSpec";

fn pod_spec(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "format": POD_SPEC, "x-kubernetes-preserve-unknown-fields": true})
}
