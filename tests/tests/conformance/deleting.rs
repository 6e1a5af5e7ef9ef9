//! Deletion: finalizers, graces, and what goes with what.

use serde_json::{Value, json};

use crate::harness::{Answer, MERGE, Session, scenarios};
use crate::kinds::{MAP, MAPS, map};

scenarios! { finalizers, propagation, collections, grace, dry_run, namespace_goes }

fn gone(answer: &Answer) -> bool {
    answer.code == 404
}

async fn finalizers(session: &mut Session) {
    let mut held = map("one", json!({}));
    held["metadata"]["finalizers"] = json!(["example.com/a", "example.com/b"]);
    session.post("create", MAPS, &held).await;
    session.delete("delete", MAP, &Value::Null).await;
    session.delete("delete again", MAP, &Value::Null).await;
    session
        .patch(
            "add one",
            MAP,
            MERGE,
            &json!({"metadata": {"finalizers": ["example.com/a", "example.com/b", "example.com/c"]}}),
        )
        .await;
    session.patch("change data", MAP, MERGE, &json!({"data": {"k": "w"}})).await;
    session.patch("remove one", MAP, MERGE, &json!({"metadata": {"finalizers": ["example.com/b"]}})).await;
    session.patch("revive", MAP, MERGE, &json!({"metadata": {"deletionTimestamp": null}})).await;
    session.post("create over it", MAPS, &held).await;
    session.patch("remove the last", MAP, MERGE, &json!({"metadata": {"finalizers": null}})).await;
    session.get("gone", MAP).await;
}

fn owned(name: &str, owner: &Value, block: bool) -> Value {
    let mut made = map(name, json!({}));
    made["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"], "blockOwnerDeletion": block,
    }]);
    made
}

async fn propagation(session: &mut Session) {
    let at = |name: &str| format!("{MAPS}/{name}");
    let owner = session.post("background: owner", MAPS, &map("bg", json!({}))).await.body;
    session.post("background: child", MAPS, &owned("bg-child", &owner, true)).await;
    session.delete("background: delete", &at("bg"), &json!({"propagationPolicy": "Background"})).await;
    session.settled("background: child goes", &at("bg-child"), gone).await;

    let owner = session.post("foreground: owner", MAPS, &map("fg", json!({}))).await.body;
    let mut child = owned("fg-child", &owner, true);
    child["metadata"]["finalizers"] = json!(["example.com/hold"]);
    session.post("foreground: child", MAPS, &child).await;
    session.delete("foreground: delete", &at("fg"), &json!({"propagationPolicy": "Foreground"})).await;
    session
        .settled("foreground: child is on its way", &at("fg-child"), |answer| {
            answer.body["metadata"]["deletionTimestamp"].is_string()
        })
        .await;
    session.get("foreground: owner waits", &at("fg")).await;
    session.patch_quietly(&at("fg-child"), MERGE, &json!({"metadata": {"finalizers": null}})).await;
    session.settled("foreground: owner goes", &at("fg"), gone).await;

    let owner = session.post("orphan: owner", MAPS, &map("or", json!({}))).await.body;
    session.post("orphan: child", MAPS, &owned("or-child", &owner, false)).await;
    session.delete("orphan: delete", &at("or"), &json!({"propagationPolicy": "Orphan"})).await;
    session.settled("orphan: owner goes", &at("or"), gone).await;
    session
        .settled("orphan: child stays", &at("or-child"), |answer| {
            answer.body["metadata"].get("ownerReferences").is_none()
        })
        .await;

    let stranger = json!({"metadata": {"name": "never", "uid": "00000000-0000-4000-8000-000000000000"}});
    session.post("dangling: child", MAPS, &owned("dangling", &stranger, false)).await;
    session.settled("dangling: child goes", &at("dangling"), gone).await;
    session.post("bad: create", MAPS, &map("bad", json!({}))).await;
    session.delete("bad: policy", &at("bad"), &json!({"propagationPolicy": "Sideways"})).await;
    session
        .delete("bad: both", &at("bad"), &json!({"propagationPolicy": "Background", "orphanDependents": true}))
        .await;
    session.delete("by query", &format!("{}?propagationPolicy=Background", at("bad")), &Value::Null).await;
}

async fn collections(session: &mut Session) {
    for (name, label) in [("a", "x"), ("b", "x"), ("c", "y")] {
        session.post(name, MAPS, &map(name, json!({"l": label}))).await;
    }
    session.delete("delete some", &format!("{MAPS}?labelSelector=l=x"), &Value::Null).await;
    session.get("left", &format!("{MAPS}?labelSelector=l")).await;
    session.delete("dry", &format!("{MAPS}?labelSelector=l&dryRun=All"), &Value::Null).await;
    session.get("still left", &format!("{MAPS}?labelSelector=l")).await;
    session.delete("none", &format!("{MAPS}?labelSelector=l=none"), &Value::Null).await;
}

async fn grace(session: &mut Session) {
    let pods = "/api/v1/namespaces/{ns}/pods";
    let pod = |name: &str, node: Option<&str>| {
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {
            "automountServiceAccountToken": false, "tolerations": [{"operator": "Exists"}], "schedulerName": "nobody",
            "containers": [{"name": "c", "image": "i"}]}});
        if let Some(node) = node {
            pod["spec"]["nodeName"] = node.into();
        }
        pod
    };
    session.settled("account", "/api/v1/namespaces/{ns}/serviceaccounts/default", |answer| answer.code == 200).await;
    session.post("unbound", pods, &pod("unbound", None)).await;
    session.delete("unbound goes at once", &format!("{pods}/unbound"), &Value::Null).await;
    session.get("unbound is gone", &format!("{pods}/unbound")).await;
    session.post("bind: create", pods, &pod("bound", None)).await;
    let target = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "bound"}, "target": {"kind": "Node", "name": "n1"}});
    session.post("bind", &format!("{pods}/bound/binding"), &target).await;
    session.post("bind again", &format!("{pods}/bound/binding"), &target).await;
    session.get("bound", &format!("{pods}/bound")).await;
    session.delete("bound is asked", &format!("{pods}/bound"), &json!({"gracePeriodSeconds": 20})).await;
    session.delete("asked for longer", &format!("{pods}/bound"), &json!({"gracePeriodSeconds": 60})).await;
    session.delete("asked for shorter", &format!("{pods}/bound"), &json!({"gracePeriodSeconds": 5})).await;
    session.delete("forced", &format!("{pods}/bound"), &json!({"gracePeriodSeconds": 0})).await;
    session.get("forced is gone", &format!("{pods}/bound")).await;
    session.delete("bad grace", &format!("{pods}/bound"), &json!({"gracePeriodSeconds": -5})).await;
}

async fn dry_run(session: &mut Session) {
    session.generated("gen-");
    let all = |path: &str| format!("{path}?dryRun=All");
    session.post("create", &all(MAPS), &map("one", json!({}))).await;
    session.post("generate", &all(MAPS), &json!({"metadata": {"generateName": "gen-"}})).await;
    session.get("not there", MAP).await;
    session.post("create in truth", MAPS, &map("one", json!({}))).await;
    session.patch("patch", &all(MAP), MERGE, &json!({"data": {"k": "w"}})).await;
    session.put("replace", &all(MAP), &map("one", json!({"x": "y"}))).await;
    session.delete("delete", &all(MAP), &Value::Null).await;
    session.delete("delete by body", MAP, &json!({"dryRun": ["All"]})).await;
    session.get("as it was", MAP).await;
    session.post("bad", &format!("{MAPS}?dryRun=Some"), &map("two", json!({}))).await;
}

async fn namespace_goes(session: &mut Session) {
    let inner = "/api/v1/namespaces/{ns}-inner";
    session.post("create", "/api/v1/namespaces", &json!({"metadata": {"name": "{ns}-inner"}})).await;
    let mut held = map("held", json!({}));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    session.post("held", &format!("{inner}/configmaps"), &held).await;
    session.delete("delete", inner, &Value::Null).await;
    session.settled("terminating", inner, |answer| answer.body["status"]["phase"] == "Terminating").await;
    session.post("nothing new", &format!("{inner}/configmaps"), &map("late", json!({}))).await;
    session.patch_quietly(&format!("{inner}/configmaps/held"), MERGE, &json!({"metadata": {"finalizers": null}})).await;
    session.settled("gone", inner, gone).await;
}
