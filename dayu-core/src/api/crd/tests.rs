use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Installed, crds, definitions};
use crate::{
    api::{JointMultiEdgeService, RuntimeService},
    template::spec_hash::known::each_pod_field,
};

/// Calls `see` with the path and the schema of every field.
fn walk(schema: &Value, path: &str, see: &mut impl FnMut(&str, &Value)) {
    see(path, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(property, &format!("{path}.{name}"), see);
    }
    for (key, suffix) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[key].is_object() {
            walk(&schema[key], &format!("{path}{suffix}"), see);
        }
    }
}

fn schemas() -> Vec<Value> {
    let definitions = serde_json::to_value(crds()).unwrap();
    let schema = |crd: &Value| crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
    definitions.as_array().unwrap().iter().map(schema).collect()
}

#[test]
fn a_plain_apply_installs_every_definition() {
    for definition in crds() {
        let size = serde_json::to_vec(&definition).unwrap().len();
        assert!(size < 200_000, "{:?} has {size} bytes, and repeats them in an annotation", definition.metadata.name);
    }
}

#[test]
fn schemas_are_structural_and_store_what_was_sent() {
    for schema in schemas() {
        let mut fields = 0;
        walk(&schema, "", &mut |path, field| {
            fields += 1;
            let either = field["x-kubernetes-int-or-string"] == json!(true);
            assert_ne!(field["type"].is_string(), either, "{path} has one type");
            for forbidden in ["$ref", "nullable", "anyOf", "oneOf", "allOf", "x-kubernetes-preserve-unknown-fields"] {
                assert_eq!(field.get(forbidden), None, "{path}");
            }
            let protocol = path.ends_with(".ports[].protocol");
            assert_eq!(field.get("default"), protocol.then(|| json!("TCP")).as_ref(), "{path}");
            // Users repeat names of variables, so a pod's lists are not keyed.
            let keyed = field.get("x-kubernetes-list-type").is_some();
            assert!(!keyed || path == ".status.conditions", "{path}");
        });
        assert!(fields > 1000, "the pod is typed");
    }
}

#[test]
fn descriptions_are_prose() {
    for schema in schemas() {
        walk(&schema, "", &mut |path, field| {
            let description = field["description"].as_str().unwrap_or_default();
            assert!(!["```", "[`", "::"].iter().any(|code| description.contains(code)), "{path}: {description}");
        });
    }
}

#[test]
fn a_revision_is_immutable_by_the_schema() {
    let rules = &schemas()[0]["properties"]["spec"]["x-kubernetes-validations"];
    assert_eq!(rules[0]["rule"], "self == oldSelf");
    assert!(rules[0]["message"].as_str().unwrap().contains("next deploymentRevision"));
}

#[test]
fn what_is_required_is_what_always_was() {
    let (runtime, joint) = (&schemas()[0], &schemas()[1]);
    let at = |schema: &Value, pointer: &str| schema.pointer(pointer).unwrap()["required"].clone();
    for schema in [runtime, joint] {
        assert_eq!(at(schema, ""), json!(["metadata", "spec"]));
    }
    let spec = json!(["component", "deploymentRevision", "installID", "podTemplate", "targetNode"]);
    assert_eq!(at(runtime, "/properties/spec"), spec);
    assert_eq!(at(runtime, "/properties/spec/properties/podTemplate"), json!(["spec"]));
    assert_eq!(at(runtime, "/properties/spec/properties/podTemplate/properties/spec"), json!(["containers"]));
    assert_eq!(at(joint, "/properties/spec"), Value::Null);
    let worker = "/properties/spec/properties/edgeWorker/items";
    assert_eq!(at(joint, worker), json!(["template"]));
    assert_eq!(at(joint, &format!("{worker}/properties/template")), Value::Null);
    assert_eq!(at(joint, &format!("{worker}/properties/mounts/items")), json!(["source"]));
    assert_eq!(at(joint, &format!("{worker}/properties/logLevel")), json!(["level"]));
    let labels = format!("{worker}/properties/template/properties/metadata/properties/labels");
    assert_eq!(joint.pointer(&labels).unwrap()["additionalProperties"], json!({"type": "string"}), "kept, not pruned");
}

/// The Go manager's definitions were made from the types that the facts are of: what vanishes when it is empty is optional.
#[test]
fn a_pod_needs_what_it_always_did() {
    // Always written, and marked as optional.
    let marked = [".volumes[].projected.sources", ".volumes[].ephemeral.volumeClaimTemplate.spec.dataSource.apiGroup"];
    let pods = [".spec.podTemplate.spec", ".spec.edgeWorker[].template.spec", ".spec.cloudWorker.template.spec"];
    let mut fields = BTreeMap::new();
    for schema in schemas() {
        walk(&schema, "", &mut |path, field| {
            if pods.iter().any(|pod| path.starts_with(pod)) {
                fields.insert(path.to_owned(), (field["properties"].clone(), field["required"].clone()));
            }
        });
    }
    for pod in pods {
        let mut seen = 0;
        each_pod_field(&mut |path, always| {
            let (holder, name) = path.rsplit_once('.').unwrap();
            let (known, required) = &fields[&format!("{pod}{holder}")];
            // The one field that Kubernetes has taken back, of metadata, and nobody sent.
            assert_eq!(known[name].is_object(), name != "clusterName", "{pod}{path}");
            let is_required = required.as_array().is_some_and(|required| required.contains(&json!(name)));
            assert_eq!(is_required, always && !marked.contains(&path), "{pod}{path}");
            seen += 1;
        });
        assert!(seen > 900, "the pod is known: {seen}");
    }
}

#[test]
fn names_and_columns_are_those_that_users_type() {
    let definitions = serde_json::to_value(crds()).unwrap();
    let names = |index: usize| definitions[index]["spec"]["names"].clone();
    assert_eq!(
        names(0),
        json!({"kind": "RuntimeService", "plural": "runtimeservices", "shortNames": ["rts"], "singular": "runtimeservice"}),
    );
    assert_eq!(
        names(1),
        json!({"kind": "JointMultiEdgeService", "plural": "jointmultiedgeservices", "shortNames": ["mulji"],
            "singular": "jointmultiedgeservice"}),
    );
    let columns = |index: usize| {
        let columns = definitions[index]["spec"]["versions"][0]["additionalPrinterColumns"].as_array().unwrap();
        columns.iter().map(|column| column["name"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!((columns(0).as_str(), columns(1).as_str()), ("Revision Node Ready", "Ready Active Failed Age"));
}

#[test]
fn reading_is_as_lenient_as_go() {
    let runtime: RuntimeService = serde_json::from_value(json!({
        "apiVersion": "sedna.io/v1alpha1", "kind": "RuntimeService", "metadata": {"name": "r"},
        "spec": {
            "unknown": 1,
            "podTemplate": {"metadata": {"creationTimestamp": null}, "spec": {
                "containers": [{"name": "a", "resources": {"limits": {"cpu": 1, "memory": "1Gi"}},
                    "envFrom": [{"configMapRef": {"optional": true}}]}],
                "imagePullSecrets": [{}], "hostAliases": [{"hostnames": ["a"]}], "volumes": null,
            }},
        },
        "status": {"conditions": []},
    }))
    .unwrap();
    let limits = runtime.spec.pod_template.spec.containers[0].resources.clone().unwrap().limits.unwrap();
    assert_eq!(limits["cpu"].0, "1");
    assert_eq!(runtime.spec.pod_template.spec.image_pull_secrets, Some(vec![Default::default()]));
    let joint: JointMultiEdgeService = serde_json::from_value(json!({
        "apiVersion": "sedna.io/v1alpha1", "kind": "JointMultiEdgeService", "metadata": {"name": "j"},
        "spec": {
            "edgeWorker": [{"hardExampleMining": {"name": ""}, "mounts": null, "template": {}}, {}],
            "cloudWorker": {"template": {"spec": {"containers": null}}},
            "serviceConfig": {"port": 0, "targetPort": 0, "nodePort": 0, "pos": ""},
        },
        "status": {"active": 0, "failed": 0, "conditions": [{"type": "Running", "status": "True"}]},
    }))
    .unwrap();
    assert_eq!(joint.spec.cloud_worker, Some(Default::default()));
    assert_eq!(joint.spec.edge_worker[0], joint.spec.edge_worker[1]);
}

#[test]
fn an_older_definition_is_told_by_the_fields_it_lacks() {
    for wanted in definitions() {
        let mut served: Value = serde_json::from_str(wanted.json()).unwrap();
        let installed = |served: &Value| serde_json::from_value::<Installed>(served.clone()).unwrap();
        assert_eq!(installed(&served).lacks(&wanted), Vec::<String>::new());
        let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
        let fields = served.pointer_mut(spec).and_then(Value::as_object_mut).unwrap();
        let field = fields.keys().next().unwrap().clone();
        fields.remove(&field);
        assert_eq!(installed(&served).lacks(&wanted), [format!(".spec.{field}")]);
        served["spec"]["versions"][0]["schema"] = Value::Null;
        let all = installed(&served).lacks(&wanted);
        assert!(all.contains(&".spec".to_owned()), "{all:?}");
    }
}

#[test]
fn a_definition_is_served_once_its_condition_says_so() {
    let installed = |status: Value| serde_json::from_value::<Installed>(json!({"status": status})).unwrap();
    let with = |status: &str, message: &str| {
        installed(json!({"conditions": [
            {"type": "NamesAccepted", "status": "True"},
            {"type": "Established", "status": status, "message": message},
        ]}))
    };
    assert_eq!(with("True", "").established(), Ok(()));
    assert_eq!(with("False", "the names are taken").established(), Err("the names are taken"));
    assert_eq!(installed(json!({"conditions": null})).established(), Err("is not served yet"));
    assert_eq!(installed(Value::Null).established(), Err("is not served yet"));
}
