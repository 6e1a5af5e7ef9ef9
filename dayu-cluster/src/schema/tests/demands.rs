//! What is wrong with objects of built-in kinds.

use serde_json::{Value, json};

use super::super::builtin::{check_types, default, node, validate, validate_metadata, validate_name};

fn problems(group: &str, kind: &str, mut value: Value, old: Option<&Value>) -> Vec<String> {
    default(group, kind, &mut value);
    validate(group, kind, &value, old).iter().map(ToString::to_string).collect()
}

fn deployment() -> Value {
    let mut value = json!({ "spec": {
        "selector": { "matchLabels": { "a": "b" } },
        "template": { "metadata": { "labels": { "a": "b" } }, "spec": { "containers": [{ "name": "c", "image": "i" }] } },
    } });
    default("apps", "Deployment", &mut value);
    value
}

/// The good deployment with something put at a place.
fn with(pointer: &str, value: Value) -> Vec<String> {
    let mut object = deployment();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    object.pointer_mut(parent).unwrap()[field] = value;
    problems("apps", "Deployment", object, None)
}

#[test]
fn a_good_deployment_is_good() {
    assert_eq!(problems("apps", "Deployment", deployment(), None), Vec::<String>::new());
}

#[test]
fn deployments_and_their_pods() {
    let pod = "/spec/template/spec";
    let container = "/spec/template/spec/containers/0";
    let cases = [
        ("/spec/replicas".into(), json!(-1), "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        (
            "/spec/template/metadata/labels".into(),
            json!({ "a": "c" }),
            "spec.template.metadata.labels: Invalid value: {\"a\":\"c\"}: `selector` does not match template `labels`",
        ),
        (format!("{pod}/containers"), json!([]), "spec.template.spec.containers: Required value"),
        (
            format!("{pod}/restartPolicy"),
            json!("Never"),
            "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"",
        ),
        (format!("{container}/image"), json!(""), "spec.template.spec.containers[0].image: Required value"),
        (format!("{container}/name"), Value::Null, "spec.template.spec.containers[0].name: Required value"),
        (
            format!("{container}/ports"),
            json!([{ "containerPort": 0 }]),
            "spec.template.spec.containers[0].ports[0].containerPort: Invalid value: 0: must be between 1 and 65535, inclusive",
        ),
        (
            format!("{container}/volumeMounts"),
            json!([{ "name": "v", "mountPath": "/x" }]),
            "spec.template.spec.containers[0].volumeMounts[0].name: Not found: \"v\"",
        ),
        (
            format!("{container}/readinessProbe"),
            json!({ "periodSeconds": 1 }),
            "spec.template.spec.containers[0].readinessProbe: Required value: must specify a handler type",
        ),
        (
            format!("{pod}/volumes"),
            json!([{ "name": "v", "hostPath": {} }]),
            "spec.template.spec.volumes[0].hostPath.path: Required value",
        ),
        (
            format!("{pod}/containers"),
            json!([{ "name": "c", "image": "i" }, { "name": "c", "image": "i" }]),
            "spec.template.spec.containers[1].name: Duplicate value: \"c\"",
        ),
    ];
    for (pointer, value, expected) in cases {
        assert_eq!(with(&pointer, value), [expected], "{pointer}");
    }
    let unselected = with("/spec/selector", Value::Null);
    assert_eq!(unselected.len(), 2);
    assert_eq!(unselected[0], "spec.selector: Required value");
}

#[test]
fn names_are_those_of_their_kind() {
    let refused = |group: &str, kind: &str, name: &str| validate_name(group, kind, name).is_some();
    assert!(refused("", "Service", "-a") && refused("", "Service", "a.b") && !refused("", "Service", "1-a"));
    assert!(refused("", "Service", &"a".repeat(64)) && !refused("", "Service", &"a".repeat(63)));
    assert!(
        refused("", "Pod", "A")
            && refused("", "Pod", "a_b")
            && refused("", "Pod", "-a")
            && !refused("", "Pod", "1.a-b")
    );
    assert!(refused("", "Namespace", "a.b") && !refused("", "Namespace", "1"));
    assert!(
        refused("rbac.authorization.k8s.io", "Role", "a/b")
            && !refused("rbac.authorization.k8s.io", "Role", "system:Node")
    );
}

#[test]
fn labels_are_labels() {
    let labels = |labels: Value| validate_metadata(&json!({ "metadata": { "labels": labels } }), None).len();
    assert_eq!(labels(json!({ "a": "", "b.c/d_e": "X-1" })), 0);
    assert_eq!(labels(json!({ "a b": "" })), 1);
    assert_eq!(labels(json!({ "/a": "" })), 1);
    assert_eq!(labels(json!({ "a": "-x" })), 1);
    assert_eq!(labels(json!({ "a": "x".repeat(64) })), 1);
}

#[test]
fn services() {
    let spec = |spec: Value| problems("", "Service", json!({ "spec": spec }), None);
    assert_eq!(spec(json!({})), ["spec.ports: Required value"]);
    assert_eq!(spec(json!({ "clusterIP": "None" })), Vec::<String>::new());
    assert_eq!(
        spec(json!({ "ports": [{ "port": 80 }, { "port": 81 }] })),
        ["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"]
    );
    assert_eq!(
        spec(json!({ "ports": [{ "name": "a", "port": 80 }, { "name": "b", "port": 80 }] })),
        ["spec.ports[1]: Duplicate value: {\"port\":80,\"protocol\":\"TCP\"}"]
    );
    assert_eq!(spec(json!({ "type": "X", "ports": [{ "port": 80 }] })).len(), 1);
    assert_eq!(
        spec(json!({ "ports": [{ "port": 80, "nodePort": 30000 }] })),
        ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"]
    );
}

#[test]
fn what_is_immutable_stays() {
    let old = deployment();
    let mut new = old.clone();
    new["spec"]["selector"]["matchLabels"] = json!({ "a": "b", "c": "d" });
    new["spec"]["template"]["metadata"]["labels"] = json!({ "a": "b", "c": "d" });
    assert_eq!(
        problems("apps", "Deployment", new, Some(&old)),
        ["spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\",\"c\":\"d\"}}: field is immutable"]
    );
    let old = json!({ "immutable": true, "data": { "a": "b" } });
    let mut new = old.clone();
    new["data"]["a"] = "c".into();
    assert_eq!(
        problems("", "ConfigMap", new, Some(&old)),
        ["data: Forbidden: field is immutable when `immutable` is set"]
    );
    let service =
        |address: &str| json!({ "spec": { "clusterIP": address, "clusterIPs": [address], "ports": [{ "port": 80 }] } });
    assert_eq!(
        problems("", "Service", service("10.0.0.2"), Some(&service("10.0.0.1"))),
        ["spec.clusterIPs[0]: Invalid value: [\"10.0.0.2\"]: may not change once set"]
    );
    let secret = |kind: &str| json!({ "type": kind });
    assert_eq!(
        problems("", "Secret", secret("x/y"), Some(&secret("Opaque"))),
        ["type: Invalid value: \"x/y\": field is immutable"]
    );
}

#[test]
fn times_are_times() {
    let node = node("coordination.k8s.io", "v1", "Lease").unwrap();
    let fields = |spec: Value, old: Option<&Value>| {
        let value = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {}, "spec": spec});
        check_types(&node, &value, old).into_iter().map(|cause| cause.field).collect::<Vec<_>>()
    };
    assert_eq!(fields(json!({"renewTime": "2026-01-02T03:04:05.000006Z"}), None), [""; 0]);
    assert_eq!(fields(json!({"renewTime": "2026-01-02T03:04:05.000006+01:00"}), None), [""; 0]);
    for bad in ["yesterday", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.0000001Z", "2026-13-02T03:04:05.000006Z", ""]
    {
        assert_eq!(fields(json!({"renewTime": bad}), None), ["spec.renewTime"], "{bad}");
    }
    let before = json!({"spec": {"renewTime": "yesterday"}});
    assert_eq!(fields(json!({"renewTime": "yesterday", "holderIdentity": "a"}), Some(&before)), [""; 0], "as it was");
}
