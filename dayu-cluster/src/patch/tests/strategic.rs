use serde_json::{Value, json};

use super::super::strategic::{StrategicError, merge};

fn merged(kind: &str, mut value: Value, patch: &Value) -> Value {
    merge(kind, &mut value, patch).unwrap();
    value
}

fn pod(containers: impl Into<Value>) -> Value {
    json!({ "spec": { "containers": containers.into() } })
}

#[test]
fn items_are_merged_by_their_key_and_new_ones_added() {
    let live = pod(
        json!([{ "name": "a", "image": "1", "env": [{ "name": "X", "value": "1" }] }, { "name": "b", "image": "1" }]),
    );
    let patch = pod(
        json!([{ "name": "a", "env": [{ "name": "Y", "value": "2" }, { "name": "X", "value": "3" }] }, { "name": "c", "image": "2" }]),
    );
    assert_eq!(
        merged("Pod", live, &patch),
        pod(json!([
            { "name": "a", "image": "1", "env": [{ "name": "Y", "value": "2" }, { "name": "X", "value": "3" }] },
            { "name": "c", "image": "2" },
            { "name": "b", "image": "1" },
        ]))
    );
}

#[test]
fn directives() {
    let live = || pod(json!([{ "name": "a" }, { "name": "b" }]));
    assert_eq!(
        merged("Pod", live(), &pod(json!([{ "name": "a", "$patch": "delete" }]))),
        pod(json!([{ "name": "b" }]))
    );
    assert_eq!(
        merged("Pod", live(), &pod(json!([{ "$patch": "replace" }, { "name": "c" }]))),
        pod(json!([{ "name": "c" }]))
    );
    assert_eq!(
        merged("Pod", live(), &json!({ "spec": { "$patch": "replace", "nodeName": "n" } })),
        json!({ "spec": { "nodeName": "n" } })
    );
    assert_eq!(merged("Pod", live(), &json!({ "spec": { "$patch": "delete" } })), json!({}));
    let strategy = json!({ "spec": { "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 1 } } } });
    let patch = json!({ "spec": { "strategy": { "$retainKeys": ["type"], "type": "Recreate" } } });
    assert_eq!(merged("Deployment", strategy, &patch), json!({ "spec": { "strategy": { "type": "Recreate" } } }));
    let ordered = json!({ "spec": { "$setElementOrder/containers": [{ "name": "b" }, { "name": "a" }], "containers": [{ "name": "a", "image": "x" }] } });
    assert_eq!(merged("Pod", live(), &ordered), pod(json!([{ "name": "b" }, { "name": "a", "image": "x" }])));
    let finalizers = json!({ "metadata": { "finalizers": ["a", "b"] } });
    let patch = json!({ "metadata": { "$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c", "b"] } });
    assert_eq!(merged("Pod", finalizers, &patch), json!({ "metadata": { "finalizers": ["c", "b"] } }));
}

#[test]
fn other_lists_are_replaced_and_null_removes() {
    let live = json!({ "spec": { "tolerations": [{ "key": "a" }], "nodeName": "n" } });
    let patch = json!({ "spec": { "tolerations": [{ "key": "b" }], "nodeName": null } });
    assert_eq!(merged("Pod", live, &patch), json!({ "spec": { "tolerations": [{ "key": "b" }] } }));
}

#[test]
fn ports_have_the_key_of_their_owner() {
    let service = json!({ "spec": { "ports": [{ "port": 80, "nodePort": 30000 }] } });
    let patch = json!({ "spec": { "ports": [{ "port": 80, "targetPort": 8080 }] } });
    assert_eq!(
        merged("Service", service, &patch),
        json!({ "spec": { "ports": [{ "port": 80, "nodePort": 30000, "targetPort": 8080 }] } })
    );
}

#[test]
fn what_cannot_be_merged_is_refused() {
    let mut value = pod(json!([{ "name": "a" }]));
    assert!(matches!(
        merge("Pod", &mut value, &pod(json!([{ "image": "x" }]))),
        Err(StrategicError::NoMergeKey { key: "name", .. })
    ));
    let patch = json!({ "spec": { "$patch": "explode" } });
    assert_eq!(merge("Pod", &mut value, &patch), Err(StrategicError::UnknownDirective("explode".into())));
}

#[test]
fn a_taint_that_is_taken_off_is_gone() {
    let live = json!({ "spec": { "taints": [{ "key": "a" }, { "key": "b" }] } });
    let patch = json!({ "spec": { "taints": [{ "key": "b" }] } });
    assert_eq!(merged("Node", live, &patch), patch);
}
