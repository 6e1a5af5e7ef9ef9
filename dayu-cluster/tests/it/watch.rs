//! Following a collection.

use dayu_cluster::Cluster;
use dayu_cluster::store::Window;
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::json;

use crate::verbs::{cluster, config_map};

fn told(event: &WatchEvent<ConfigMap>) -> String {
    match event {
        WatchEvent::Added(map) => format!("+{}", map.metadata.name.as_deref().unwrap()),
        WatchEvent::Modified(map) => format!("~{}", map.metadata.name.as_deref().unwrap()),
        WatchEvent::Deleted(map) => format!("-{}", map.metadata.name.as_deref().unwrap()),
        WatchEvent::Bookmark(_) => "bookmark".into(),
        WatchEvent::Error(status) => format!("error {}", status.code),
    }
}

#[tokio::test]
async fn nothing_after_the_listed_version_is_missed() {
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster().await.client());
    maps.create(&PostParams::default(), &config_map("before", "1")).await.unwrap();
    let version = maps.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    maps.create(&PostParams::default(), &config_map("a", "1")).await.unwrap();
    let events = maps.watch(&WatchParams::default(), &version).await.unwrap().boxed();
    maps.patch("a", &PatchParams::default(), &Patch::Merge(json!({"data": {"key": "2"}}))).await.unwrap();
    maps.delete("a", &DeleteParams::default()).await.unwrap();
    let events: Vec<_> = events.take(3).map_ok(|event| told(&event)).try_collect().await.unwrap();
    assert_eq!(events, ["+a", "~a", "-a"]);
}

#[tokio::test]
async fn an_object_that_stops_matching_is_gone_for_the_watcher() {
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster().await.client());
    maps.create(&PostParams::default(), &config_map("a", "in")).await.unwrap();
    let mut events = maps.watch(&WatchParams::default().labels("value=in"), "0").await.unwrap().boxed();
    for value in ["out", "in"] {
        let patch = Patch::Merge(json!({"metadata": {"labels": {"value": value}}}));
        maps.patch("a", &PatchParams::default(), &patch).await.unwrap();
    }
    for expected in ["+a", "-a", "+a"] {
        assert_eq!(told(&events.try_next().await.unwrap().unwrap()), expected);
    }
}

#[tokio::test]
async fn a_version_that_is_forgotten_is_told_as_gone() {
    let window = Window { events: 3, ..Window::default() };
    let maps: Api<ConfigMap> =
        Api::default_namespaced(Cluster::builder().window(window).build().await.unwrap().client());
    let made = maps.create(&PostParams::default(), &config_map("a", "0")).await.unwrap();
    for value in 1..6 {
        let patch = Patch::Merge(json!({"data": {"key": value.to_string()}}));
        maps.patch("a", &PatchParams::default(), &patch).await.unwrap();
    }
    let version = made.metadata.resource_version.unwrap();
    let mut events = maps.watch(&WatchParams::default(), &version).await.unwrap().boxed();
    assert_eq!(told(&events.try_next().await.unwrap().unwrap()), "error 410");
}

#[tokio::test(start_paused = true)]
async fn streaming_lists_say_where_they_end_and_bookmarks_follow() {
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster().await.client());
    maps.create(&PostParams::default(), &config_map("a", "1")).await.unwrap();
    let mut events = maps.watch(&WatchParams::default().initial_events(), "0").await.unwrap().boxed();
    assert_eq!(told(&events.try_next().await.unwrap().unwrap()), "+a");
    let WatchEvent::Bookmark(end) = events.try_next().await.unwrap().unwrap() else { panic!("no bookmark") };
    assert_eq!(end.metadata.annotations["k8s.io/initial-events-end"], "true");
    assert_eq!(told(&events.try_next().await.unwrap().unwrap()), "bookmark");
}

#[tokio::test]
async fn kubes_watcher_follows() {
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster().await.client());
    for config in [watcher::Config::default(), watcher::Config::default().streaming_lists()] {
        let mut seen = watcher(maps.clone(), config).applied_objects().boxed();
        let name = format!("m{}", maps.list(&ListParams::default()).await.unwrap().items.len());
        maps.create(&PostParams::default(), &config_map(&name, "1")).await.unwrap();
        while seen.try_next().await.unwrap().unwrap().metadata.name.as_ref() != Some(&name) {}
    }
}
