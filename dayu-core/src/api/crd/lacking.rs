//! What a server's stored definition does not know.
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use crate::api::VERSION;

/// Paths of the fields that `wanted` has and `served` does not know, such as `.spec.ports[].protocol`: the server drops them
/// from what users send, without a word.
///
/// ```
/// let wanted = &dayu_core::api::crds()[0];
/// assert!(dayu_core::api::lacking(wanted, wanted).is_empty());
/// ```
#[must_use]
pub fn lacking(wanted: &CustomResourceDefinition, served: &CustomResourceDefinition) -> Vec<String> {
    let mut paths = Vec::new();
    compare(&schema(wanted), &schema(served), "", &mut paths);
    paths
}

fn schema(definition: &CustomResourceDefinition) -> Value {
    let version = definition.spec.versions.iter().find(|version| version.name == VERSION);
    let schema = version.and_then(|version| version.schema.as_ref()?.open_api_v3_schema.as_ref());
    schema.and_then(|schema| serde_json::to_value(schema).ok()).unwrap_or_default()
}

fn compare(wanted: &Value, served: &Value, path: &str, paths: &mut Vec<String>) {
    if served["x-kubernetes-preserve-unknown-fields"] == true {
        return;
    }
    for (name, field) in wanted["properties"].as_object().into_iter().flatten() {
        match served["properties"].get(name) {
            Some(known) => compare(field, known, &format!("{path}.{name}"), paths),
            None => paths.push(format!("{path}.{name}")),
        }
    }
    if wanted["items"].is_object() {
        compare(&wanted["items"], &served["items"], &format!("{path}[]"), paths);
    }
}
