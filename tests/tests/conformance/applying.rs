//! Server-side apply: who owns what.

use serde_json::{Value, json};

use crate::harness::{APPLY, MERGE, Session, scenarios};
use crate::kinds::{GADGET, GADGETS, MAP, MAPS, definition, gadget};

scenarios! { apply_maps, apply_lists, apply_refused, apply_after_update, apply_status, apply_built_in }

fn data(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": data})
}

fn by(path: &str, manager: &str) -> String {
    format!("{path}?fieldManager={manager}")
}

async fn apply_maps(session: &mut Session) {
    session.patch("create", &by(MAP, "a"), APPLY, &data(json!({"x": "1", "y": "2"}))).await;
    session.patch("the same", &by(MAP, "a"), APPLY, &data(json!({"x": "1", "y": "2"}))).await;
    session.patch("shared", &by(MAP, "b"), APPLY, &data(json!({"x": "1", "z": "3"}))).await;
    session.patch("conflict", &by(MAP, "b"), APPLY, &data(json!({"x": "9", "y": "9"}))).await;
    session.patch("forced", &format!("{}&force=true", by(MAP, "b")), APPLY, &data(json!({"x": "9"}))).await;
    session.patch("given up by one", &by(MAP, "a"), APPLY, &data(json!({"y": "2"}))).await;
    session.patch("given up by all", &by(MAP, "b"), APPLY, &data(json!({}))).await;
    session.patch("in vain", &by(MAP, "c"), APPLY, &data(json!({"y": "3"}))).await;
    session.patch("dry", &format!("{}&dryRun=All&force=true", by(MAP, "c")), APPLY, &data(json!({"y": "3"}))).await;
    session.get("after", MAP).await;
}

async fn apply_lists(session: &mut Session) {
    session.define(&definition()).await;
    let spec = |spec: Value| gadget("one", spec);
    session.patch("create", &by(GADGET, "a"), APPLY, &spec(json!({"size": 3, "ports": [{"port": 1, "name": "x"}, {"port": 2}], "tags": ["p", "q"], "plain": ["1", "2"]}))).await;
    session
        .patch(
            "another's items",
            &by(GADGET, "b"),
            APPLY,
            &spec(json!({"ports": [{"port": 3}], "tags": ["r"], "size": 3})),
        )
        .await;
    session
        .patch(
            "a field of another's item",
            &by(GADGET, "b"),
            APPLY,
            &spec(json!({"ports": [{"port": 1, "name": "y"}, {"port": 3}]})),
        )
        .await;
    session.patch("an atomic list", &by(GADGET, "b"), APPLY, &spec(json!({"plain": ["3"]}))).await;
    session
        .patch("fewer", &by(GADGET, "a"), APPLY, &spec(json!({"size": 3, "ports": [{"port": 2}], "tags": ["q"]})))
        .await;
    session
        .patch(
            "duplicate keys",
            &by(GADGET, "a"),
            APPLY,
            &spec(json!({"size": 3, "ports": [{"port": 2}, {"port": 2}]})),
        )
        .await;
    session.patch("no key", &by(GADGET, "a"), APPLY, &spec(json!({"size": 3, "ports": [{"name": "x"}]}))).await;
    session.patch("wrong type", &by(GADGET, "a"), APPLY, &spec(json!({"size": "large"}))).await;
    session.patch("unknown", &by(GADGET, "a"), APPLY, &spec(json!({"size": 3, "unknown": 1}))).await;
    session
        .patch(
            "unknown, strict",
            &format!("{}&fieldValidation=Strict", by(GADGET, "a")),
            APPLY,
            &spec(json!({"size": 3, "unknown": 1})),
        )
        .await;
    session
        .patch(
            "maps and free",
            &by(GADGET, "c"),
            APPLY,
            &spec(json!({"map": {"k": "v"}, "free": {"any": {"thing": [1]}}, "nested": {"deep": "e"}})),
        )
        .await;
}

async fn apply_refused(session: &mut Session) {
    session.patch("no manager", MAP, APPLY, &data(json!({}))).await;
    session.patch("force is not for others", &format!("{MAP}?force=true"), MERGE, &json!({})).await;
    session
        .patch(
            "managed fields",
            &by(MAP, "a"),
            APPLY,
            &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "managedFields": [{}]}}),
        )
        .await;
    session
        .patch(
            "another name",
            &by(MAP, "a"),
            APPLY,
            &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "two"}}),
        )
        .await;
    session.patch("no kind", &by(MAP, "a"), APPLY, &json!({"metadata": {"name": "one"}})).await;
    session.patch("no version", &by(MAP, "a"), APPLY, &json!({"kind": "ConfigMap", "metadata": {"name": "one"}})).await;
    session
        .patch(
            "another kind",
            &by(MAP, "a"),
            APPLY,
            &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "one"}}),
        )
        .await;
    session
        .patch(
            "a version to what is not there",
            &by(MAP, "a"),
            APPLY,
            &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "resourceVersion": "1"}}),
        )
        .await;
    session
        .patch(
            "a uid to what is not there",
            &by(MAP, "a"),
            APPLY,
            &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "uid": "x"}}),
        )
        .await;
    session.patch("a long manager", &by(MAP, &"m".repeat(129)), APPLY, &data(json!({}))).await;
    session.patch("a list", &by(MAP, "a"), APPLY, &json!([])).await;
}

async fn apply_after_update(session: &mut Session) {
    session.post("create by update", &by(MAPS, "maker"), &data(json!({"x": "1", "y": "2"}))).await;
    session.patch("conflict with an update", &by(MAP, "a"), APPLY, &data(json!({"x": "2"}))).await;
    session.patch("agree", &by(MAP, "a"), APPLY, &data(json!({"x": "1"}))).await;
    session.patch("changed by update", &by(MAP, "maker"), MERGE, &json!({"data": {"x": "3"}})).await;
    session.patch("taken back", &format!("{}&force=true", by(MAP, "a")), APPLY, &data(json!({"x": "4"}))).await;
    session.patch("removed by update", &by(MAP, "other"), MERGE, &json!({"data": {"x": null}})).await;
    session.patch("labels", &by(MAP, "a"), APPLY, &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "labels": {"l": "m"}, "annotations": {"n": "o"}, "finalizers": ["example.com/f"]}})).await;
    session.patch("forget managers", MAP, MERGE, &json!({"metadata": {"managedFields": [{}]}})).await;
    session.patch("apply without any", &by(MAP, "a"), APPLY, &data(json!({"y": "7"}))).await;
    session.patch("release", MAP, MERGE, &json!({"metadata": {"finalizers": null}})).await;
}

async fn apply_status(session: &mut Session) {
    session.define(&definition()).await;
    session.post("create", GADGETS, &gadget("one", json!({"size": 3}))).await;
    let status = |phase: &str| json!({"apiVersion": "{ns}.example.com/v1", "kind": "Gadget", "metadata": {"name": "one"}, "status": {"phase": phase, "conditions": [{"type": "Ready", "status": "True"}]}});
    let path = format!("{GADGET}/status");
    session.patch("apply status", &by(&path, "s"), APPLY, &status("up")).await;
    session.patch("again by the main path", &by(GADGET, "s"), APPLY, &status("down")).await;
    session.patch("conflict", &by(&path, "t"), APPLY, &status("down")).await;
    session.patch("another condition", &by(&path, "t"), APPLY, &json!({"apiVersion": "{ns}.example.com/v1", "kind": "Gadget", "metadata": {"name": "one"}, "status": {"conditions": [{"type": "Other", "status": "False"}]}})).await;
    session
        .patch(
            "status of nothing",
            &by("/apis/{ns}.example.com/v1/namespaces/{ns}/gadgets/none/status", "s"),
            APPLY,
            &json!({"apiVersion": "{ns}.example.com/v1", "kind": "Gadget", "metadata": {"name": "none"}}),
        )
        .await;
    session.get("after", GADGET).await;
}

async fn apply_built_in(session: &mut Session) {
    let service = |ports: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "one"}, "spec": {"selector": {"a": "b"}, "ports": ports}});
    let path = "/api/v1/namespaces/{ns}/services/one";
    session.patch("service", &by(path, "a"), APPLY, &service(json!([{"name": "x", "port": 80}]))).await;
    session
        .patch(
            "port of another",
            &by(path, "b"),
            APPLY,
            &service(json!([{"name": "y", "port": 81, "targetPort": "web"}])),
        )
        .await;
    session.patch("conflict", &by(path, "b"), APPLY, &service(json!([{"name": "z", "port": 80}]))).await;
    session
        .patch("remove", &by(path, "a"), APPLY, &service(json!([{"name": "x", "port": 80, "protocol": "TCP"}])))
        .await;
    let pod = |spec: Value| json!({"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "one"}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": spec}});
    let path = "/api/v1/namespaces/{ns}/podtemplates/one";
    session.patch("template", &by(path, "a"), APPLY, &pod(json!({"containers": [{"name": "c", "image": "i", "env": [{"name": "E", "value": "1"}, {"name": "E", "value": "2"}]}]}))).await;
}
