//! Create, read, replace: and who may not.

use serde_json::{Value, json};

use crate::harness::{Session, scenarios};
use crate::kinds::{MAP, MAPS};

scenarios! { crud, identity, bad_bodies, missing }

fn map(name: &str) -> Value {
    crate::kinds::map(name, json!({"a": "b"}))
}

async fn crud(session: &mut Session) {
    let made = session.post("create", MAPS, &map("one")).await.body;
    session.post("create again", MAPS, &map("one")).await;
    session.get("read", MAP).await;
    let mut changed = made.clone();
    changed["data"]["k"] = "w".into();
    session.put("replace", MAP, &changed).await;
    session.put("replace an old version", MAP, &changed).await;
    changed["metadata"]["resourceVersion"] = Value::Null;
    changed["data"] = Value::Null;
    session.put("replace any version", MAP, &changed).await;
    session.put("replace with the same", MAP, &changed).await;
    let bare = json!({"metadata": {"name": "one"}, "data": {"bare": "1"}});
    session.put("replace without kind", MAP, &bare).await;
    session.delete("delete", MAP, &Value::Null).await;
    session.get("read what is gone", MAP).await;
    session.put("replace what is gone", MAP, &map("one")).await;
    session.put("replace a version of what is gone", MAP, &made).await;
    session.delete("delete what is gone", MAP, &Value::Null).await;
}

async fn identity(session: &mut Session) {
    session.generated("gen-");
    let named = |metadata: Value| json!({"metadata": metadata});
    session.post("generate a name", MAPS, &named(json!({"generateName": "gen-"}))).await;
    session.post("no name", MAPS, &named(json!({}))).await;
    session.post("bad name", MAPS, &named(json!({"name": "Not_Good"}))).await;
    session.post("bad label", MAPS, &named(json!({"name": "x", "labels": {"a b": "c d"}}))).await;
    session.post("bad annotation", MAPS, &named(json!({"name": "x", "annotations": {"a b": "c"}}))).await;
    session.post("other namespace", MAPS, &named(json!({"name": "x", "namespace": "other"}))).await;
    let set = json!({"name": "set", "uid": "me", "creationTimestamp": "2001-01-01T00:00:00Z", "selfLink": "/x"});
    session.post("what the server sets", MAPS, &named(set)).await;
    session.post("a version on create", MAPS, &named(json!({"name": "v", "resourceVersion": "1"}))).await;
    session.post("create one", MAPS, &map("one")).await;
    session.put("another name", MAP, &map("two")).await;
    session.put("another namespace", MAP, &named(json!({"name": "one", "namespace": "other"}))).await;
    session.put("another uid", MAP, &named(json!({"name": "one", "uid": "other"}))).await;
    session.put("no name on replace", MAP, &named(json!({}))).await;
    session.delete("uid precondition", MAP, &json!({"preconditions": {"uid": "other"}})).await;
    session.delete("version precondition", MAP, &json!({"preconditions": {"resourceVersion": "1"}})).await;
    let owner = json!({"name": "o", "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x"}]});
    session.post("owner without uid", MAPS, &named(owner)).await;
    session.post("bad finalizer", MAPS, &named(json!({"name": "f", "finalizers": ["Not Good"]}))).await;
}

async fn bad_bodies(session: &mut Session) {
    session.post("empty", MAPS, &Value::Null).await;
    session.post("a list", MAPS, &json!([])).await;
    session.post("a number", MAPS, &json!({"metadata": {"name": "x"}, "data": {"k": 1}})).await;
    session.post("another kind", MAPS, &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}})).await;
    session
        .post("another version", MAPS, &json!({"apiVersion": "v2", "kind": "ConfigMap", "metadata": {"name": "x"}}))
        .await;
    let extra = json!({"metadata": {"name": "x"}, "extra": 1, "data": {"k": "v"}});
    session.post("unknown, strict", &format!("{MAPS}?fieldValidation=Strict"), &extra).await;
    session.post("unknown, ignored", &format!("{MAPS}?fieldValidation=Ignore"), &extra).await;
    session.post("unknown policy", &format!("{MAPS}?fieldValidation=Maybe"), &extra).await;
    session.post("bad key", MAPS, &json!({"metadata": {"name": "y"}, "data": {"a b": "v"}})).await;
    let immutable = json!({"metadata": {"name": "z"}, "immutable": true, "data": {"a": "v"}});
    session.post("immutable", MAPS, &immutable).await;
    let changed = json!({"metadata": {"name": "z"}, "immutable": true, "data": {"a": "w"}});
    session.put("change what is immutable", "/api/v1/namespaces/{ns}/configmaps/z", &changed).await;
}

async fn missing(session: &mut Session) {
    session.get("no group", "/apis/nowhere.example.com/v1/things").await;
    session.get("no version", "/apis/apps/v9/deployments").await;
    session.get("no resource", "/api/v1/namespaces/{ns}/things").await;
    session.get("no subresource", "/api/v1/namespaces/{ns}/configmaps/kube-root-ca.crt/status").await;
    session.post("no namespace", "/api/v1/namespaces/nowhere/configmaps", &map("one")).await;
    session.get("list of no namespace", "/api/v1/namespaces/nowhere/configmaps").await;
    session.post("post to a name", MAP, &map("one")).await;
    session.put("put to a collection", MAPS, &map("one")).await;
}
