//! Lists: selectors and pages.

use serde_json::json;

use crate::harness::{Session, scenarios};
use crate::kinds::{GADGETS, MAPS, definition, gadget, map};

scenarios! { label_selectors, field_selectors, pages, list_versions, types_in_lists }

async fn label_selectors(session: &mut Session) {
    for (name, labels) in [
        ("a", json!({"x": "1", "y": "1"})),
        ("b", json!({"x": "2", "y": "1"})),
        ("c", json!({"y": "2"})),
        ("d", json!({"x": "", "y": "3"})),
    ] {
        session.post(name, MAPS, &map(name, labels)).await;
    }
    for (step, selector) in [
        ("equals", "x=1"),
        ("double equals", "x==1"),
        ("not equals", "y,x!=1"),
        ("in", "x+in+(1,2)"),
        ("not in", "y,x+notin+(1)"),
        ("exists", "x"),
        ("exists not", "y,!x"),
        ("both", "x,y=1"),
        ("empty value", "x="),
        ("greater", "x%3E1"),
        ("less", "y%3C2"),
        ("none", "x=9"),
        ("bad operator", "x==="),
        ("unclosed", "x+in+(1"),
        ("bad key", "a%20b=1"),
        ("bad value", "x=a%2Fb"),
        ("dangling comma", "x,"),
        ("no number", "x%3Ea"),
    ] {
        session.get(step, &format!("{MAPS}?labelSelector={selector}")).await;
    }
}

async fn field_selectors(session: &mut Session) {
    session.define(&definition()).await;
    session.post("a", MAPS, &map("a", json!({"s": "s"}))).await;
    session.post("b", MAPS, &map("b", json!({"s": "s"}))).await;
    session.post("slow", GADGETS, &gadget("slow", json!({"size": 1, "mode": "slow"}))).await;
    session.post("fast", GADGETS, &gadget("fast", json!({"size": 1}))).await;
    for (step, path, selector) in [
        ("name", MAPS, "metadata.name=a"),
        ("not name", MAPS, "metadata.name!=a,metadata.name!=kube-root-ca.crt"),
        ("namespace", MAPS, "metadata.namespace={ns},metadata.name=b"),
        ("unknown field", MAPS, "data.k=v"),
        ("bad", MAPS, "metadata.name"),
        ("selectable", GADGETS, "spec.mode=slow"),
        ("not selectable", GADGETS, "spec.size=1"),
        ("in", MAPS, "metadata.name+in+(a)"),
        ("pods by node", "/api/v1/namespaces/{ns}/pods", "spec.nodeName=n"),
        ("pods by phase", "/api/v1/pods", "status.phase=Nothing"),
        ("pods by what is not", "/api/v1/pods", "spec.priority=1"),
        ("events", "/api/v1/namespaces/{ns}/events", "involvedObject.name=x,reason=y"),
        ("nodes", "/api/v1/nodes", "spec.unschedulable=true"),
        ("namespaces", "/api/v1/namespaces", "status.phase=Nothing"),
        ("deployments", "/apis/apps/v1/namespaces/{ns}/deployments", "metadata.name=x"),
        ("secrets", "/api/v1/namespaces/{ns}/secrets", "type=x"),
        ("services", "/api/v1/namespaces/{ns}/services", "spec.type=NodePort"),
    ] {
        session.get(step, &format!("{path}?fieldSelector={selector}")).await;
    }
}

async fn pages(session: &mut Session) {
    for name in ["a", "b", "c", "d", "e"] {
        session.post(name, MAPS, &map(name, json!({"s": "s"}))).await;
    }
    let first = session.get("first", &format!("{MAPS}?limit=2")).await;
    let next = first.body["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
    session.delete("meanwhile", "/api/v1/namespaces/{ns}/configmaps/d", &json!(null)).await;
    let second = session.get("second", &format!("{MAPS}?limit=2&continue={next}")).await;
    let next = second.body["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
    let rest = session.get_quietly(&format!("{MAPS}?continue={next}"), "application/json").await;
    let names: Vec<_> =
        rest.body["items"].as_array().into_iter().flatten().map(|item| &item["metadata"]["name"]).collect();
    session.note(
        "rest",
        rest.code,
        &json!({"names": names, "metadata": {"remaining": rest.body["metadata"]["remainingItemCount"]}}),
    );
    session.get("selected", &format!("{MAPS}?limit=2&labelSelector=s=s")).await;
    session.get("all fit", &format!("{MAPS}?limit=50&labelSelector=s")).await;
    session.get("bad token", &format!("{MAPS}?limit=2&continue=nonsense")).await;
    session.get("token and version", &format!("{MAPS}?limit=2&continue={next}&resourceVersion=1")).await;
    session.get("bad limit", &format!("{MAPS}?limit=x")).await;
}

async fn list_versions(session: &mut Session) {
    let made = session.post("a", MAPS, &map("a", json!({"s": "s"}))).await.body;
    let version = made["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
    session.get("any", &format!("{MAPS}?labelSelector=s&resourceVersion=0")).await;
    session
        .get(
            "not older",
            &format!("{MAPS}?labelSelector=s&resourceVersion={version}&resourceVersionMatch=NotOlderThan"),
        )
        .await;
    session.get("exact", &format!("{MAPS}?labelSelector=s&resourceVersion={version}&resourceVersionMatch=Exact")).await;
    session.get("match alone", &format!("{MAPS}?resourceVersionMatch=Exact")).await;
    session.get("exactly none", &format!("{MAPS}?resourceVersion=0&resourceVersionMatch=Exact")).await;
    session.get("bad match", &format!("{MAPS}?resourceVersion=1&resourceVersionMatch=Sometimes")).await;
    session.get("bad version", &format!("{MAPS}?resourceVersion=x")).await;
    session.get("object at any", &format!("{}/a?resourceVersion=0", MAPS)).await;
}

async fn types_in_lists(session: &mut Session) {
    session.define(&definition()).await;
    session.post("map", MAPS, &map("a", json!({"s": "s"}))).await;
    session.post("gadget", GADGETS, &gadget("a", json!({"size": 1}))).await;
    for (step, path) in [("of a built-in kind", MAPS), ("of a custom kind", GADGETS)] {
        let item = session.get_quietly(path, "application/json").await.body["items"][0].clone();
        session.note(step, 200, &json!({"item's kind": item["kind"], "item's version": item["apiVersion"]}));
    }
}
