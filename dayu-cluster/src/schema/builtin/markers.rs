//! What documents tell clients of lists beside their types: how server-side apply shares them, and how a strategic merge
//! patch merges them. kubectl makes its patches by these words; without them it would drop what others have added.

use serde_json::{Map, Value};

use super::lists;
use crate::schema::node::List;

/// Lists of which one kind of patch says that they are one piece, and the other that they are not: with a merge key
/// where a strategic merge patch merges them, without one where it does not.
const DIFFERENT: &[(&str, &str, Option<&str>)] = &[
    ("PodStatus", "hostIPs", Some("ip")),
    ("JobStatus", "conditions", Some("type")),
    ("ResourceRequirements", "claims", None),
    ("CustomResourceDefinitionStatus", "conditions", None),
];

/// Lists of single values that a strategic merge patch unites.
const UNITED: &[(&str, &str)] = &[("ObjectMeta", "finalizers"), ("NodeSpec", "podCIDRs")];

/// Of these a patch also says which fields stay, since one field excludes another.
const RETAINED: &[(&str, &str)] = &[
    ("DeploymentSpec", "strategy"),
    ("PodSpec", "volumes"),
    ("PodSpec", "resourceClaims"),
    ("PodStatus", "resourceClaimStatuses"),
];

/// Completes the published schema of a definition.
pub(super) fn mark(definition: &str, schema: &mut Value) {
    let owner = definition.rsplit('.').next().unwrap_or(definition);
    let Some(schema) = schema.as_object_mut() else { return };
    if owner == "JSON" {
        // Published as an object, while it may be anything.
        schema.remove("type");
    }
    for (name, field) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        if let Some(field) = field.as_object_mut() {
            mark_list(owner, name, field);
        }
    }
}

fn mark_list(owner: &str, name: &str, field: &mut Map<String, Value>) {
    let list = lists::list(owner, name);
    match &list {
        Some(List::Map(keys)) => {
            let keys: Vec<Value> = keys.iter().map(|key| Value::from(&*key.name)).collect();
            field.insert("x-kubernetes-list-type".into(), "map".into());
            field.insert("x-kubernetes-list-map-keys".into(), keys.into());
        }
        Some(List::Set) => {
            field.insert("x-kubernetes-list-type".into(), "set".into());
        }
        Some(List::Atomic) | None => {}
    }
    let key = merge_key(owner, name, list.as_ref());
    let merged = key.is_some() || UNITED.contains(&(owner, name));
    let strategy = match (merged, RETAINED.contains(&(owner, name))) {
        (true, true) => "merge,retainKeys",
        (true, false) => "merge",
        (false, true) => "retainKeys",
        (false, false) => return,
    };
    field.insert("x-kubernetes-patch-strategy".into(), strategy.into());
    if let Some(key) = key {
        field.insert("x-kubernetes-patch-merge-key".into(), key.into());
    }
}

/// By which field a strategic merge patch merges a list: the first of its keys, where nothing else is known.
fn merge_key<'a>(owner: &str, name: &str, list: Option<&'a List>) -> Option<&'a str> {
    if let Some(&(.., key)) = DIFFERENT.iter().find(|row| (row.0, row.1) == (owner, name)) {
        return key;
    }
    let Some(List::Map(keys)) = list else { return None };
    keys.first().map(|key| &*key.name)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::schema::builtin::openapi::definitions;

    fn field(definition: &str, name: &str) -> Value {
        let definition = format!("io.k8s.api.{definition}");
        let mut field = definitions(&definition)[&definition]["properties"][name].take();
        for told_elsewhere in ["allOf", "description", "items", "type"] {
            field.as_object_mut().unwrap().remove(told_elsewhere);
        }
        field
    }

    #[test]
    fn lists_say_how_they_are_merged() {
        let containers = json!({
            "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "name",
        });
        assert_eq!(field("core.v1.PodSpec", "containers"), containers);
        let ports = field("core.v1.ServiceSpec", "ports");
        assert_eq!(ports["x-kubernetes-list-map-keys"], json!(["port", "protocol"]));
        assert_eq!(ports["x-kubernetes-patch-merge-key"], "port");
        assert_eq!(field("apps.v1.DeploymentSpec", "strategy"), json!({ "x-kubernetes-patch-strategy": "retainKeys" }));
        assert_eq!(field("core.v1.PodSpec", "volumes")["x-kubernetes-patch-strategy"], "merge,retainKeys");
        assert_eq!(field("core.v1.NodeSpec", "taints"), json!({}), "all or none");
        let claims = field("core.v1.ResourceRequirements", "claims");
        assert_eq!(
            (&claims["x-kubernetes-list-type"], &claims["x-kubernetes-patch-strategy"]),
            (&json!("map"), &Value::Null)
        );
        assert_eq!(field("core.v1.PodStatus", "hostIPs")["x-kubernetes-patch-merge-key"], "ip");
    }
}
