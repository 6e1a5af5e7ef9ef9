//! Create, read, update, patch, delete.

use dayu_cluster::Cluster;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Node, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::Status;
use serde_json::json;

pub(crate) async fn cluster() -> Cluster {
    Cluster::builder().build().await.unwrap()
}

pub(crate) fn parse<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

pub(crate) fn config_map(name: &str, value: &str) -> ConfigMap {
    parse(json!({"metadata": {"name": name, "labels": {"value": value}}, "data": {"key": value}}))
}

fn refusal<T: std::fmt::Debug>(result: kube::Result<T>) -> (u16, String, String) {
    match result.unwrap_err() {
        kube::Error::Api(status) => {
            let Status { code, reason, message, .. } = *status;
            (code, reason, message)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn objects_get_what_the_cluster_gives_them() {
    let client = cluster().await.client();
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let made = maps.create(&PostParams::default(), &config_map("a", "1")).await.unwrap();
    let metadata = &made.metadata;
    assert_eq!(metadata.namespace.as_deref(), Some("default"));
    assert_eq!(metadata.uid.as_ref().unwrap().len(), 36);
    assert!(metadata.creation_timestamp.is_some());
    assert!(metadata.resource_version.as_ref().unwrap().parse::<u64>().unwrap() > 1);
    assert_eq!(maps.get("a").await.unwrap(), made);
}

#[tokio::test]
async fn refusals_are_worded_as_kubernetes_words_them() {
    let client = cluster().await.client();
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let post = PostParams::default();
    maps.create(&post, &config_map("a", "1")).await.unwrap();
    assert_eq!(
        refusal(maps.create(&post, &config_map("a", "1")).await),
        (409, "AlreadyExists".into(), "configmaps \"a\" already exists".into())
    );
    assert_eq!(refusal(maps.get("b").await), (404, "NotFound".into(), "configmaps \"b\" not found".into()));
    let elsewhere: Api<ConfigMap> = Api::namespaced(client.clone(), "nowhere");
    assert_eq!(
        refusal(elsewhere.create(&post, &config_map("a", "1")).await),
        (404, "NotFound".into(), "namespaces \"nowhere\" not found".into())
    );
    let deployments: Api<Deployment> = Api::default_namespaced(client);
    assert_eq!(refusal(deployments.get("b").await).2, "deployments.apps \"b\" not found");
}

#[tokio::test]
async fn an_update_based_on_an_old_version_is_refused() {
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster().await.client());
    let first = maps.create(&PostParams::default(), &config_map("a", "1")).await.unwrap();
    let mut second = first.clone();
    second.data = config_map("a", "2").data;
    let second = maps.replace("a", &PostParams::default(), &second).await.unwrap();
    assert_ne!(second.metadata.resource_version, first.metadata.resource_version);
    assert_eq!(second.metadata.uid, first.metadata.uid);
    let (code, reason, message) = refusal(maps.replace("a", &PostParams::default(), &first).await);
    assert_eq!((code, reason.as_str()), (409, "Conflict"));
    assert_eq!(
        message,
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to \
         the latest version and try again"
    );
    let same = maps.replace("a", &PostParams::default(), &second).await.unwrap();
    assert_eq!(same.metadata.resource_version, second.metadata.resource_version, "no difference, no write");
}

#[tokio::test]
async fn names_can_be_made_up() {
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster().await.client());
    let mut map = config_map("", "1");
    map.metadata.name = None;
    map.metadata.generate_name = Some("made-".into());
    let made = maps.create(&PostParams::default(), &map).await.unwrap().metadata.name.unwrap();
    assert!(made.starts_with("made-") && made.len() == 10, "{made}");
    map.metadata.generate_name = None;
    assert_eq!(refusal(maps.create(&PostParams::default(), &map).await).0, 422);
}

#[tokio::test]
async fn patches_change_what_they_name() {
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster().await.client());
    maps.create(&PostParams::default(), &config_map("a", "1")).await.unwrap();
    let merge = Patch::Merge(json!({"data": {"more": "x", "key": null}}));
    let merged = maps.patch("a", &PatchParams::default(), &merge).await.unwrap();
    assert_eq!(serde_json::to_value(merged.data).unwrap(), json!({"more": "x"}));
    let patch: json_patch::Patch = parse(json!([{"op": "test", "path": "/data/more", "value": "y"}]));
    let (code, ..) = refusal(maps.patch("a", &PatchParams::default(), &Patch::<ConfigMap>::Json(patch)).await);
    assert_eq!(code, 422);
    let apply = Patch::Apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"applied": "1"}}));
    let applied = maps.patch("b", &PatchParams::apply("test"), &apply).await.unwrap();
    assert_eq!(serde_json::to_value(applied.data).unwrap(), json!({"applied": "1"}));
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster().await.client());
    let post = PostParams { dry_run: true, ..PostParams::default() };
    maps.create(&post, &config_map("a", "1")).await.unwrap();
    assert!(maps.get_opt("a").await.unwrap().is_none());
    let made = maps.create(&PostParams::default(), &config_map("a", "1")).await.unwrap();
    let patch = PatchParams { dry_run: true, ..PatchParams::default() };
    let patched = maps.patch("a", &patch, &Patch::Merge(json!({"data": {"key": "2"}}))).await.unwrap();
    assert_eq!(patched.data.unwrap()["key"], "2");
    maps.delete("a", &DeleteParams::default().dry_run()).await.unwrap();
    assert_eq!(maps.get("a").await.unwrap(), made);
}

#[tokio::test]
async fn status_and_spec_do_not_touch_each_other() {
    let deployments: Api<Deployment> = Api::default_namespaced(cluster().await.client());
    let deployment: Deployment = parse(json!({
        "metadata": {"name": "d"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": {
            "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}},
        "status": {"replicas": 9},
    }));
    let made = deployments.create(&PostParams::default(), &deployment).await.unwrap();
    assert_eq!(made.metadata.generation, Some(1));
    assert_eq!(made.status.unwrap_or_default().replicas, None);
    let merge = Patch::Merge(json!({"spec": {"replicas": 5}, "status": {"replicas": 3}}));
    let status = deployments.patch_status("d", &PatchParams::default(), &merge).await.unwrap();
    assert_eq!(status.spec.replicas, Some(1));
    assert_eq!(status.status.as_ref().unwrap().replicas, Some(3));
    assert_eq!(status.metadata.generation, Some(1));
    let spec = deployments.patch("d", &PatchParams::default(), &merge).await.unwrap();
    assert_eq!((spec.spec.replicas, spec.metadata.generation), (Some(5), Some(2)));
    let scaled = deployments
        .patch_scale("d", &PatchParams::default(), &Patch::Merge(json!({"spec": {"replicas": 7}})))
        .await
        .unwrap();
    assert_eq!(scaled.spec.unwrap().replicas, Some(7));
    assert_eq!(scaled.status.unwrap().selector.as_deref(), Some("a=b"));
}

#[tokio::test]
async fn lists_are_selected_and_paged() {
    let client = cluster().await.client();
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    for name in ["a", "b", "c", "d", "e"] {
        maps.create(&PostParams::default(), &config_map(name, if name < "c" { "low" } else { "high" })).await.unwrap();
    }
    let names = |list: &kube::core::ObjectList<ConfigMap>| -> Vec<String> {
        list.items.iter().map(|map| map.metadata.name.clone().unwrap()).collect()
    };
    assert_eq!(names(&maps.list(&ListParams::default().labels("value=low")).await.unwrap()), ["a", "b"]);
    assert_eq!(names(&maps.list(&ListParams::default().fields("metadata.name=d")).await.unwrap()), ["d"]);
    assert_eq!(refusal(maps.list(&ListParams::default().fields("data.key=d")).await).0, 400);

    let first = maps.list(&ListParams::default().limit(2)).await.unwrap();
    assert_eq!(names(&first), ["a", "b"]);
    assert_eq!(first.metadata.remaining_item_count, Some(3));
    maps.delete("c", &DeleteParams::default()).await.unwrap();
    maps.create(&PostParams::default(), &config_map("f", "high")).await.unwrap();
    let token = first.metadata.continue_.unwrap();
    let rest = maps.list(&ListParams::default().limit(10).continue_token(&token)).await.unwrap();
    assert_eq!(names(&rest), ["c", "d", "e"], "pages of one list show one moment");
    assert_eq!(rest.metadata.resource_version, first.metadata.resource_version);

    let everywhere: Api<ConfigMap> = Api::all(client);
    everywhere.list(&ListParams::default()).await.unwrap();
    maps.delete_collection(&DeleteParams::default(), &ListParams::default().labels("value=high")).await.unwrap();
    assert_eq!(names(&maps.list(&ListParams::default()).await.unwrap()), ["a", "b"]);
}

#[tokio::test]
async fn finalizers_and_grace_hold_what_is_being_deleted() {
    let client = cluster().await.client();
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let mut held = config_map("held", "1");
    held.metadata.finalizers = Some(vec!["example.com/hold".into()]);
    maps.create(&PostParams::default(), &held).await.unwrap();
    let deleted = maps.delete("held", &DeleteParams::default()).await.unwrap();
    assert!(deleted.left().unwrap().metadata.deletion_timestamp.is_some());
    maps.patch("held", &PatchParams::default(), &Patch::Merge(json!({"metadata": {"finalizers": null}})))
        .await
        .unwrap();
    assert!(maps.get_opt("held").await.unwrap().is_none());

    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let spec =
        json!({"nodeName": "n", "containers": [{"name": "c", "image": "i:1"}], "terminationGracePeriodSeconds": 5});
    pods.create(&PostParams::default(), &parse(json!({"metadata": {"name": "p"}, "spec": spec}))).await.unwrap();
    pods.delete("p", &DeleteParams::default()).await.unwrap();
    assert_eq!(pods.get("p").await.unwrap().metadata.deletion_grace_period_seconds, Some(5));
    pods.delete("p", &DeleteParams::default().grace_period(0)).await.unwrap();
    assert!(pods.get_opt("p").await.unwrap().is_none());
}

#[tokio::test]
async fn a_terminating_namespace_takes_nothing_new() {
    let client = cluster().await.client();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces.create(&PostParams::default(), &parse(json!({"metadata": {"name": "n"}}))).await.unwrap();
    namespaces.delete("n", &DeleteParams::default()).await.unwrap();
    let phase = namespaces.get("n").await.unwrap().status.unwrap().phase;
    assert_eq!(phase.as_deref(), Some("Terminating"));
    let maps: Api<ConfigMap> = Api::namespaced(client, "n");
    let (code, _, message) = refusal(maps.create(&PostParams::default(), &config_map("a", "1")).await);
    assert_eq!(code, 403);
    assert!(message.contains("because it is being terminated"), "{message}");
}

#[tokio::test]
async fn a_node_keeps_the_status_it_registers_with() {
    let nodes: Api<Node> = Api::all(cluster().await.client());
    let node = parse(
        json!({"metadata": {"name": "edge.one"}, "status": {"addresses": [{"type": "InternalIP", "address": "127.64.0.1"}]}}),
    );
    let made = nodes.create(&PostParams::default(), &node).await.unwrap();
    assert_eq!(made.status.unwrap().addresses.unwrap()[0].address, "127.64.0.1");
}

#[tokio::test]
async fn what_is_left_out_is_defaulted_and_what_is_wrong_is_named() {
    let client = cluster().await.client();
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    let deployment = |selector: &str| -> Deployment {
        parse(json!({"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": selector}}, "template": {
            "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}}))
    };
    let made = deployments.create(&PostParams::default(), &deployment("b")).await.unwrap();
    assert_eq!(made.spec.revision_history_limit, Some(10));
    let container = &made.spec.template.spec.unwrap().containers[0];
    assert_eq!(container.image_pull_policy.as_deref(), Some("Always"));

    let mut other = deployment("x");
    other.metadata.name = Some("e".into());
    let (code, reason, message) = refusal(deployments.create(&PostParams::default(), &other).await);
    assert_eq!((code, reason.as_str()), (422, "Invalid"));
    assert!(message.starts_with("Deployment.apps \"e\" is invalid: spec.template.metadata.labels:"), "{message}");
    let long: Api<Pod> = Api::default_namespaced(client);
    let pod = parse(json!({"metadata": {"name": "Not_A_Name"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}));
    assert!(refusal(long.create(&PostParams::default(), &pod).await).2.contains("RFC 1123"));
}

#[tokio::test]
async fn fields_that_a_kind_does_not_have_are_refused_or_told() {
    let client = cluster().await.client();
    let send = async |validation: &str| {
        let map = json!({"metadata": {"name": format!("m-{}", validation.to_lowercase())}, "dota": {"a": "b"}});
        let uri = format!("/api/v1/namespaces/default/configmaps?fieldValidation={validation}");
        let body = serde_json::to_vec(&map).unwrap();
        let request = http::Request::post(uri).header("content-type", "application/json").body(body.into()).unwrap();
        client.send(request).await.unwrap()
    };
    assert_eq!(send("Strict").await.status(), 400);
    let warned = send("Warn").await;
    assert_eq!(warned.headers()["warning"], "299 - \"unknown field \\\"dota\\\"\"");
    let ignored = send("Ignore").await;
    assert!(ignored.status().is_success() && !ignored.headers().contains_key("warning"));
}

#[tokio::test]
async fn a_body_beyond_three_mebibytes_is_refused() {
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster().await.client());
    let (code, reason, message) =
        refusal(maps.create(&PostParams::default(), &config_map("big", &"x".repeat(4 << 20))).await);
    assert_eq!((code, reason.as_str()), (413, "RequestEntityTooLarge"));
    assert!(message.contains("limit is 3145728"), "{message}");
}
