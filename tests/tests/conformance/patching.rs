//! Every patch language but apply.

use serde_json::{Value, json};

use crate::harness::{JSON_PATCH, MERGE, STRATEGIC, Session, scenarios};
use crate::kinds::{GADGET, GADGETS, MAP, MAPS, definition, gadget, map};

scenarios! { json_patch, merge_patch, strategic_patch, custom_patches }

const WEB: &str = "/apis/apps/v1/namespaces/{ns}/deployments/web";

async fn json_patch(session: &mut Session) {
    session.post("create", MAPS, &map("one", json!({"a": "b"}))).await;
    let patch = json!([
        {"op": "test", "path": "/data/k", "value": "v"}, {"op": "replace", "path": "/data/k", "value": "w"},
        {"op": "add", "path": "/metadata/labels/x~1y", "value": "z"}, {"op": "copy", "from": "/data/k", "path": "/data/l"},
        {"op": "move", "from": "/data/l", "path": "/data/m"}, {"op": "remove", "path": "/metadata/labels/a"},
    ]);
    session.patch("six operations", MAP, JSON_PATCH, &patch).await;
    let failing = json!([{"op": "test", "path": "/data/k", "value": "other"}]);
    session.patch("a test that fails", MAP, JSON_PATCH, &failing).await;
    for (step, path, value) in [
        ("a test for nothing", "/metadata/finalizers", json!(null)),
        ("a test for an empty list", "/metadata/finalizers", json!([])),
        ("a test for nothing in nothing", "/none/at/all", json!(null)),
        ("a test for nothing where something is", "/data/k", json!(null)),
    ] {
        session.patch(step, MAP, JSON_PATCH, &json!([{"op": "test", "path": path, "value": value}])).await;
    }
    session.patch("remove nothing", MAP, JSON_PATCH, &json!([{"op": "remove", "path": "/data/none"}])).await;
    session
        .patch("replace nothing", MAP, JSON_PATCH, &json!([{"op": "replace", "path": "/data/none", "value": 1}]))
        .await;
    session.patch("no operation", MAP, JSON_PATCH, &json!([])).await;
    session.patch("unknown operation", MAP, JSON_PATCH, &json!([{"op": "swap", "path": "/data"}])).await;
    session.patch("no list", MAP, JSON_PATCH, &json!({"op": "remove"})).await;
    session
        .patch("rename", MAP, JSON_PATCH, &json!([{"op": "replace", "path": "/metadata/name", "value": "two"}]))
        .await;
    session
        .patch(
            "an old version",
            MAP,
            JSON_PATCH,
            &json!([{"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}]),
        )
        .await;
    session.patch("wrong type", MAP, JSON_PATCH, &json!([{"op": "replace", "path": "/data", "value": "text"}])).await;
}

async fn merge_patch(session: &mut Session) {
    session.post("create", MAPS, &map("one", json!({"a": "b"}))).await;
    session
        .patch(
            "change and remove",
            MAP,
            MERGE,
            &json!({"data": {"k": null, "n": "1"}, "metadata": {"labels": {"c": "d"}}}),
        )
        .await;
    session.patch("change nothing", MAP, MERGE, &json!({"data": {"n": "1"}})).await;
    session.patch("an old version", MAP, MERGE, &json!({"metadata": {"resourceVersion": "1"}})).await;
    session.patch("another uid", MAP, MERGE, &json!({"metadata": {"uid": "other"}})).await;
    session.patch("another kind", MAP, MERGE, &json!({"kind": "Secret"})).await;
    session.patch("another namespace", MAP, MERGE, &json!({"metadata": {"namespace": "other"}})).await;
    session.patch("remove all labels", MAP, MERGE, &json!({"metadata": {"labels": null}})).await;
    session.patch("no object", MAP, MERGE, &json!([1])).await;
    session.patch("unknown, strict", &format!("{MAP}?fieldValidation=Strict"), MERGE, &json!({"extra": 1})).await;
    session.patch("unknown language", MAP, "text/plain", &json!({})).await;
    session.patch("what is not there", "/api/v1/namespaces/{ns}/configmaps/none", MERGE, &json!({})).await;
}

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [
                {"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]},
                {"name": "b", "image": "b:1", "args": ["one", "two"]}],
                "tolerations": [{"key": "k", "operator": "Exists"}]},
        }},
    })
}

/// The spec alone: a controller writes status and annotation when it likes.
async fn strategic_patch(session: &mut Session) {
    session.post("create", "/apis/apps/v1/namespaces/{ns}/deployments", &deployment()).await;
    let seen = |answer: &crate::harness::Answer| {
        answer.body["status"]["observedGeneration"] == answer.body["metadata"]["generation"]
    };
    session.settled("settled", WEB, seen).await;
    let containers = |containers: Value| json!({"spec": {"template": {"spec": {"containers": containers}}}});
    for (step, patch) in [
        ("by merge key", containers(json!([{"name": "b", "image": "b:2"}]))),
        ("add one", containers(json!([{"name": "c", "image": "c:1"}]))),
        ("delete one", containers(json!([{"name": "a", "$patch": "delete"}]))),
        ("nested list", containers(json!([{"name": "b", "env": [{"name": "Z", "value": "3"}]}]))),
        ("plain list", containers(json!([{"name": "b", "args": ["three"]}]))),
        (
            "order",
            json!({"spec": {"template": {"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "b"}], "containers": [{"name": "c", "image": "c:2"}, {"name": "b", "image": "b:3"}]}}}}),
        ),
        ("atomic list", json!({"spec": {"template": {"spec": {"tolerations": [{"key": "l", "operator": "Exists"}]}}}})),
        ("retain keys", json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}})),
        (
            "replace all",
            json!({"spec": {"template": {"spec": {"containers": [{"name": "d", "image": "d:1"}, {"$patch": "replace"}]}}}}),
        ),
        ("remove a field", json!({"spec": {"template": {"metadata": {"annotations": {"x": null}}}}})),
        ("without merge key", containers(json!([{"image": "e:1"}]))),
        ("a bad directive", json!({"spec": {"$patch": "swap"}})),
        ("immutable", json!({"spec": {"selector": {"matchLabels": {"app": "other"}}}})),
        ("finalizers are a set", json!({"metadata": {"finalizers": ["example.com/a"]}})),
        ("and grow", json!({"metadata": {"finalizers": ["example.com/b"]}})),
        (
            "delete from them",
            json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/a", "example.com/b"]}}),
        ),
    ] {
        let answer = session.patch_quietly(WEB, STRATEGIC, &patch).await;
        let shown = if answer.code == 200 {
            json!({"spec": answer.body["spec"], "generation": answer.body["metadata"]["generation"], "finalizers": answer.body["metadata"]["finalizers"]})
        } else {
            answer.body
        };
        session.note(step, answer.code, &shown);
    }
}

async fn custom_patches(session: &mut Session) {
    session.define(&definition()).await;
    session.post("create", GADGETS, &gadget("one", json!({"size": 3, "ports": [{"port": 1}, {"port": 2}]}))).await;
    session.patch("merge", GADGET, MERGE, &json!({"spec": {"size": 4, "ports": [{"port": 3}]}})).await;
    session
        .patch("json", GADGET, JSON_PATCH, &json!([{"op": "add", "path": "/spec/ports/-", "value": {"port": 4}}]))
        .await;
    session.patch("strategic", GADGET, STRATEGIC, &json!({"spec": {"size": 5}})).await;
    session.patch("remove what is required", GADGET, MERGE, &json!({"spec": {"size": null}})).await;
    session.patch("remove what has a default", GADGET, MERGE, &json!({"spec": {"mode": null}})).await;
    session.patch("unknown is pruned", GADGET, MERGE, &json!({"spec": {"unknown": 1}})).await;
    session
        .patch("unknown, strict", &format!("{GADGET}?fieldValidation=Strict"), MERGE, &json!({"spec": {"unknown": 1}}))
        .await;
    session.patch("status at the main path", GADGET, MERGE, &json!({"status": {"phase": "x"}})).await;
    session
        .patch(
            "status at its own",
            &format!("{GADGET}/status"),
            MERGE,
            &json!({"status": {"phase": "x"}, "spec": {"size": 9}}),
        )
        .await;
    session.patch("scale", &format!("{GADGET}/scale"), MERGE, &json!({"spec": {"replicas": 4}})).await;
    session.get("after", GADGET).await;
}
