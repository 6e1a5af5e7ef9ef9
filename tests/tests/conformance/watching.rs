//! Watches: what happened, in order, from where one was.

use serde_json::{Value, json};

use crate::harness::{MERGE, Session, WINDOW, scenarios};
use crate::kinds::{GADGET, GADGETS, MAP, MAPS, definition, gadget, map};

scenarios! { follow, resume, bookmarks, expired, streaming_list, selected_watch, watch_custom, watch_table }

fn version(of: &Value) -> String {
    of["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned()
}

async fn follow(session: &mut Session) {
    let from = version(&session.get("list", &format!("{MAPS}?labelSelector=x")).await.body);
    let mut watch = session
        .watch("open", &format!("{MAPS}?watch=true&labelSelector=x&resourceVersion={from}&allowWatchBookmarks=true"))
        .await;
    session.post("create", MAPS, &map("one", json!({"x": "1"}))).await;
    session.patch("change", MAP, MERGE, &json!({"data": {"k": "w"}})).await;
    session.patch("change nothing", MAP, MERGE, &json!({"data": {"k": "w"}})).await;
    session.patch("hold", MAP, MERGE, &json!({"metadata": {"finalizers": ["example.com/hold"]}})).await;
    session.delete("delete", MAP, &Value::Null).await;
    session.patch("release", MAP, MERGE, &json!({"metadata": {"finalizers": null}})).await;
    session.events("events", &mut watch, 5).await;
}

async fn resume(session: &mut Session) {
    let made = session.post("create", MAPS, &map("one", json!({"x": "1"}))).await.body;
    session.patch("change", MAP, MERGE, &json!({"data": {"k": "w"}})).await;
    session.delete("delete", MAP, &Value::Null).await;
    let mut watch =
        session.watch("open", &format!("{MAPS}?watch=1&labelSelector=x&resourceVersion={}", version(&made))).await;
    session.events("events", &mut watch, 2).await;
    session.post("create again", MAPS, &map("one", json!({"x": "2"}))).await;
    let mut from_now = session.watch("from any", &format!("{MAPS}?watch=1&labelSelector=x&resourceVersion=0")).await;
    session.events("what is there", &mut from_now, 1).await;
    let mut unset = session.watch("from no version", &format!("{MAPS}?watch=1&labelSelector=x")).await;
    session.events("what is there now", &mut unset, 1).await;
    let mut single =
        session.watch("one by name", &format!("{MAPS}?watch=1&fieldSelector=metadata.name=one&timeoutSeconds=1")).await;
    session.events("one, then the end", &mut single, 2).await;
}

/// Who hears of nothing learns how far it is before its watch ends, if it asked for that, and goes on from there.
async fn bookmarks(session: &mut Session) {
    let from = version(&session.get("list", &format!("{MAPS}?labelSelector=x")).await.body);
    session.post("meanwhile", MAPS, &map("other", json!({}))).await;
    let path = format!("{MAPS}?watch=1&labelSelector=x&resourceVersion={from}&timeoutSeconds=5");
    let mut told = session.watch("open", &format!("{path}&allowWatchBookmarks=true")).await;
    let mut untold = session.watch("open without", &path).await;
    let last = session.last("a bookmark before the end", &mut told).await;
    session.last("none", &mut untold).await;
    let reached = version(&last["object"]);
    assert_ne!(reached, from, "what happened meanwhile is behind it");
    session.post("create", MAPS, &map("one", json!({"x": "1"}))).await;
    let mut watch =
        session.watch("from there", &format!("{MAPS}?watch=1&labelSelector=x&resourceVersion={reached}")).await;
    session.events("what came after", &mut watch, 1).await;
}

async fn expired(session: &mut Session) {
    session.post("create", MAPS, &map("one", json!({}))).await;
    for round in 0..=WINDOW {
        session.patch_quietly(MAP, MERGE, &json!({"data": {"round": round.to_string()}})).await;
    }
    let mut watch = session.watch("too old", &format!("{MAPS}?watch=1&resourceVersion=1")).await;
    session.events("gone", &mut watch, 2).await;
    session.watch("bad version", &format!("{MAPS}?watch=1&resourceVersion=x")).await;
    session.watch("bad selector", &format!("{MAPS}?watch=1&labelSelector=x===")).await;
    session.watch("initial events without match", &format!("{MAPS}?watch=1&sendInitialEvents=true")).await;
    session.watch("a match alone", &format!("{MAPS}?watch=1&resourceVersionMatch=NotOlderThan")).await;
}

async fn streaming_list(session: &mut Session) {
    session.post("a", MAPS, &map("a", json!({"x": "1"}))).await;
    session.post("b", MAPS, &map("b", json!({"x": "1"}))).await;
    let path = format!(
        "{MAPS}?watch=true&labelSelector=x&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    );
    let mut watch = session.watch("open", &path).await;
    session.events("initial", &mut watch, 3).await;
    session.delete("delete", "/api/v1/namespaces/{ns}/configmaps/a", &Value::Null).await;
    session.events("after", &mut watch, 1).await;
    let mut none = session.watch("open, none", &format!("{path}&fieldSelector=metadata.name=none")).await;
    session.events("initial, none", &mut none, 1).await;
}

/// What leaves a selection is deleted, what enters is added.
async fn selected_watch(session: &mut Session) {
    let from = version(&session.get("list", &format!("{MAPS}?labelSelector=in=yes")).await.body);
    let mut watch = session.watch("open", &format!("{MAPS}?watch=1&labelSelector=in=yes&resourceVersion={from}")).await;
    session.post("outside", MAPS, &map("one", json!({"in": "no"}))).await;
    session.patch("enters", MAP, MERGE, &json!({"metadata": {"labels": {"in": "yes"}}})).await;
    session.patch("changes", MAP, MERGE, &json!({"data": {"k": "w"}})).await;
    session.patch("leaves", MAP, MERGE, &json!({"metadata": {"labels": {"in": null}}})).await;
    session.patch("enters again", MAP, MERGE, &json!({"metadata": {"labels": {"in": "yes"}}})).await;
    session.delete("delete", MAP, &Value::Null).await;
    session.events("events", &mut watch, 5).await;
}

async fn watch_custom(session: &mut Session) {
    session.define(&definition()).await;
    session.post("create", GADGETS, &gadget("one", json!({"size": 3}))).await;
    let mut watch = session
        .watch(
            "open",
            &format!(
                "{GADGETS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
            ),
        )
        .await;
    session.events("initial", &mut watch, 2).await;
    session.patch("status", &format!("{GADGET}/status"), MERGE, &json!({"status": {"phase": "x"}})).await;
    session.patch("spec", GADGET, MERGE, &json!({"spec": {"size": 4}})).await;
    session.delete("delete", GADGET, &Value::Null).await;
    session.events("events", &mut watch, 3).await;
}

async fn watch_table(session: &mut Session) {
    session.post("create", MAPS, &map("one", json!({"x": "1"}))).await;
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    let mut watch =
        session.watch_as("open", &format!("{MAPS}?watch=1&labelSelector=x&resourceVersion=0"), accept).await;
    session.patch("change", MAP, MERGE, &json!({"data": {"k": "w", "l": "m"}})).await;
    session.events("events", &mut watch, 2).await;
}
