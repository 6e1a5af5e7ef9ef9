//! Decoding that leaves out what nobody here reads: owners of fields, which are half of an object, are never built.
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use serde::{Deserialize, Deserializer};

/// What kubectl keeps of a whole object in one annotation.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    generation: Option<i64>,
    resource_version: Option<String>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    owner_references: Option<Vec<OwnerReference>>,
    finalizers: Option<Vec<String>>,
}

/// An object's metadata without the owners of its fields.
pub(super) fn metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let mut read = Metadata::deserialize(deserializer)?;
    if let Some(annotations) = &mut read.annotations {
        annotations.remove(LAST_APPLIED);
    }
    Ok(ObjectMeta {
        name: read.name,
        namespace: read.namespace,
        uid: read.uid,
        generation: read.generation,
        resource_version: read.resource_version,
        creation_timestamp: read.creation_timestamp,
        deletion_timestamp: read.deletion_timestamp,
        labels: read.labels,
        annotations: read.annotations,
        owner_references: read.owner_references,
        finalizers: read.finalizers,
        ..ObjectMeta::default()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_keeps_what_is_read_and_leaves_out_the_rest() {
        let read = metadata(json!({
            "name": "a", "uid": "u", "generation": 2, "labels": {"l": "1"}, "finalizers": ["f"],
            "annotations": {"mine": "1", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
            "managedFields": [{"manager": "m", "fieldsV1": {"f:spec": {}}}], "ownerReferences": null,
        }))
        .unwrap();
        assert_eq!(read.managed_fields, None);
        assert_eq!(read.annotations.unwrap().into_keys().collect::<Vec<_>>(), ["mine"]);
        assert_eq!((read.name.as_deref(), read.generation, read.finalizers.unwrap().len()), (Some("a"), Some(2), 1));
    }
}
