//! Decoding that leaves out what nobody here reads: owners of fields, which are half of an object, are never built. Of what we
//! write only who else has written in its spec is kept.
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta, OwnerReference, Time};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny},
};

use super::MANAGER;

/// What kubectl keeps of a whole object in one annotation.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, bound = "M: DeserializeOwned + Default")]
struct Metadata<M: Default> {
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
    managed_fields: M,
}

/// Who wrote which part of an object, of which only the spec matters.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Written {
    manager: String,
    subresource: String,
    fields_v1: Option<Fields>,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "f:spec")]
    spec: Option<IgnoredAny>,
}

impl Written {
    /// Somebody else asks for something that the object is to be.
    fn is_foreign(&self) -> bool {
        let in_spec = self.fields_v1.as_ref().is_some_and(|fields| fields.spec.is_some());
        in_spec && self.manager != MANAGER && self.subresource != "status"
    }
}

/// An object's metadata without the owners of its fields.
pub(super) fn metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    Ok(read::<IgnoredAny, D>(deserializer)?.0)
}

/// That of an object that we write: of the owners of its fields those who have a hand in its spec beside us are there, without
/// the fields; none is as good as nobody.
pub(super) fn metadata_of_ours<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let (metadata, written) = read::<Option<Vec<Written>>, D>(deserializer)?;
    let foreign = written.into_iter().flatten().filter(Written::is_foreign);
    let hands: Vec<_> = foreign
        .map(|written| ManagedFieldsEntry { manager: Some(written.manager), ..ManagedFieldsEntry::default() })
        .collect();
    Ok(ObjectMeta { managed_fields: (!hands.is_empty()).then_some(hands), ..metadata })
}

fn read<'de, M: Default + DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<(ObjectMeta, M), D::Error> {
    let mut read = Metadata::<M>::deserialize(deserializer)?;
    if let Some(annotations) = &mut read.annotations {
        annotations.remove(LAST_APPLIED);
    }
    let metadata = ObjectMeta {
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
    };
    Ok((metadata, read.managed_fields))
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

    #[test]
    fn of_what_we_write_those_are_known_who_have_a_hand_in_its_spec() {
        let hands = |entries: serde_json::Value| {
            let read = metadata_of_ours(json!({"name": "a", "managedFields": entries})).unwrap();
            read.managed_fields.into_iter().flatten().filter_map(|entry| entry.manager).collect::<Vec<_>>()
        };
        let ours = json!({"manager": "dayu-gm", "operation": "Update", "fieldsV1": {"f:metadata": {}, "f:spec": {}}});
        let counts = json!({"manager": "c", "subresource": "status", "fieldsV1": {"f:status": {}}});
        let annotates = json!({"manager": "a", "fieldsV1": {"f:metadata": {"f:annotations": {}}}});
        let edits = json!({"manager": "kubectl-edit", "fieldsV1": {"f:spec": {"f:replicas": {}}}});
        let scales = json!({"manager": "s", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}});
        assert!(hands(json!([ours, counts, annotates])).is_empty());
        assert!(hands(serde_json::Value::Null).is_empty());
        assert_eq!(hands(json!([ours, edits, counts, scales])), ["kubectl-edit", "s"]);
    }
}
