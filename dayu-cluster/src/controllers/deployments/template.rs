//! From a Deployment's template to a pod.
use std::{collections::BTreeMap, fmt::Write};

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::hash;
use crate::{schema::builtin, store::Object};

/// Label that ties a pod to the template it was made from.
pub(super) const HASH_LABEL: &str = "pod-template-hash";

/// The template of a Deployment; the rest of it is not read.
pub(super) fn of(deployment: &Object) -> Result<Value, serde_json::Error> {
    #[derive(Deserialize)]
    struct Deployment {
        spec: Spec,
    }
    #[derive(Deserialize)]
    struct Spec {
        #[serde(default)]
        template: Value,
    }
    deployment.parse::<Deployment>().map(|deployment| deployment.spec.template)
}

/// Ten letters that stand for the template, whatever order its fields are written in.
pub(super) fn hash(template: &Value) -> Box<str> {
    let mut canonical = String::with_capacity(1024);
    write_sorted(template, &mut canonical);
    hash::letters::<10>(canonical.as_bytes()).into()
}

/// JSON with sorted fields.
fn write_sorted(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            for (name, value) in sorted {
                text.push_str(name);
                text.push('{');
                write_sorted(value, text);
                text.push('}');
            }
        }
        Value::Array(items) => {
            for item in items {
                text.push('[');
                write_sorted(item, text);
                text.push(']');
            }
        }
        // Writing to a string cannot fail.
        leaf => drop(write!(text, "{leaf}")),
    }
}

/// A pod of the Deployment's template.
pub(super) fn pod(deployment: &Object, hash: &str, suffix: &str) -> Result<Value, serde_json::Error> {
    let mut pod = of(deployment)?;
    if !pod["metadata"].is_object() {
        pod["metadata"] = json!({});
    }
    let metadata = &mut pod["metadata"];
    metadata["name"] = format!("{}-{hash}-{suffix}", deployment.meta.name).into();
    metadata["generateName"] = format!("{}-{hash}-", deployment.meta.name).into();
    metadata["namespace"] = deployment.meta.namespace.as_ref().into();
    metadata["labels"][HASH_LABEL] = hash.into();
    metadata["ownerReferences"] = json!([owner(deployment)]);
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    // As if it had come through the API: whoever changes it there later is compared with a complete pod.
    builtin::default("", "Pod", &mut pod);
    pod["status"] = json!({"phase": "Pending", "qosClass": quality(&pod["spec"])});
    Ok(pod)
}

/// The reference by which a Deployment owns its pods.
pub(super) fn owner(deployment: &Object) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "name": deployment.meta.name, "uid": deployment.meta.uid,
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// The class that follows from what the containers ask for.
fn quality(spec: &Value) -> &'static str {
    let containers = || ["containers", "initContainers"].into_iter().filter_map(|list| spec[list].as_array()).flatten();
    let resources = || containers().map(|container| &container["resources"]);
    let asks = |resources: &Value| {
        ["requests", "limits"].iter().any(|list| ["cpu", "memory"].iter().any(|what| !resources[list][what].is_null()))
    };
    let fixed = |resources: &Value, what: &str| {
        let (request, limit) = (&resources["requests"][what], &resources["limits"][what]);
        !limit.is_null() && (request.is_null() || request == limit)
    };
    if !resources().any(asks) {
        "BestEffort"
    } else if resources().all(|resources| fixed(resources, "cpu") && fixed(resources, "memory")) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_fields_is_no_change_but_the_order_of_a_list_is() {
        let of = |template: &str| hash(&serde_json::from_str(template).unwrap());
        assert_eq!(of(r#"{"a":{"b":1,"c":"x"},"d":[1,2]}"#), of(r#"{"d":[1,2],"a":{"c":"x","b":1}}"#));
        assert_ne!(of(r#"{"d":[1,2]}"#), of(r#"{"d":[2,1]}"#));
        assert_ne!(of(r#"{"a":{"b":1}}"#), of(r#"{"a":{},"b":1}"#));
        assert_eq!(of("{}").len(), 10);
    }

    #[test]
    fn the_class_follows_from_requests_and_limits() {
        let of = |resources: Value| quality(&json!({"containers": [{"resources": resources}]}));
        assert_eq!(of(json!({})), "BestEffort");
        assert_eq!(of(json!({"requests": {"cpu": "1"}})), "Burstable");
        assert_eq!(of(json!({"limits": {"cpu": "1", "memory": "1Gi"}})), "Guaranteed");
        assert_eq!(of(json!({"requests": {"cpu": "0.5"}, "limits": {"cpu": "1", "memory": "1Gi"}})), "Burstable");
    }
}
