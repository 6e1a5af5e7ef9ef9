//! Server-side apply: who owns which field, and what follows from it.

use dayu_cluster::Cluster;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::verbs::{config_map, parse};

async fn maps() -> Api<ConfigMap> {
    Api::default_namespaced(Cluster::builder().build().await.unwrap().client())
}

fn applied(data: &Value) -> Patch<Value> {
    Patch::Apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}))
}

fn data(map: &ConfigMap) -> Value {
    serde_json::to_value(&map.data).unwrap()
}

#[tokio::test]
async fn what_a_manager_no_longer_applies_goes() {
    let maps = maps().await;
    let params = PatchParams::apply("one");
    maps.patch("a", &params, &applied(&json!({"x": "1", "y": "2"}))).await.unwrap();
    maps.patch("a", &PatchParams::apply("two"), &applied(&json!({"z": "3"}))).await.unwrap();
    let map = maps.patch("a", &params, &applied(&json!({"x": "1"}))).await.unwrap();
    assert_eq!(data(&map), json!({"x": "1", "z": "3"}));
    let again = maps.patch("a", &params, &applied(&json!({"x": "1"}))).await.unwrap();
    assert_eq!(again, map, "applying the same again changes nothing");
}

#[tokio::test]
async fn a_field_of_another_manager_is_a_conflict_unless_forced() {
    let maps = maps().await;
    let post = PostParams { field_manager: Some("creator".into()), ..PostParams::default() };
    maps.create(&post, &config_map("a", "1")).await.unwrap();
    let params = PatchParams::apply("one");
    let error = maps.patch("a", &params, &applied(&json!({"key": "2"}))).await.unwrap_err();
    let kube::Error::Api(status) = error else { panic!("{error}") };
    assert_eq!(status.code, 409);
    let causes = &status.details.unwrap().causes;
    assert_eq!(causes[0].reason, "FieldManagerConflict");
    assert_eq!(causes[0].field, ".data.key");
    assert_eq!(causes[0].message, "conflict with \"creator\" using v1");
    let map = maps.patch("a", &params.clone().force(), &applied(&json!({"key": "2"}))).await.unwrap();
    assert_eq!(data(&map), json!({"key": "2"}));
}

#[tokio::test]
async fn defaults_belong_to_nobody_and_lists_merge_by_key() {
    let client = Cluster::builder().build().await.unwrap().client();
    let deployments: Api<Deployment> = Api::default_namespaced(client);
    let deployment = |containers: Value| {
        Patch::Apply(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": containers}}}}))
    };
    let params = PatchParams::apply("one");
    let first = deployment(json!([{"name": "c", "image": "i:1"}]));
    let made = deployments.patch("d", &params, &first).await.unwrap();
    assert_eq!(made.spec.replicas, Some(1));
    let scale = Patch::Merge(json!({"spec": {"replicas": 4}}));
    deployments.patch("d", &PatchParams::default(), &scale).await.unwrap();
    let again = deployments.patch("d", &params, &first).await.unwrap();
    assert_eq!(again.spec.replicas, Some(4), "nobody applied replicas, so nobody takes them back");
    let sidecar: Value = json!({"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "s:1"}]}}}});
    let strategic = deployments.patch("d", &PatchParams::default(), &Patch::Strategic(sidecar)).await.unwrap();
    let names = |deployment: &Deployment| -> Vec<String> {
        let containers = &deployment.spec.template.spec.as_ref().unwrap().containers;
        containers.iter().map(|container| container.name.clone()).collect()
    };
    let mut both = names(&strategic);
    both.sort();
    assert_eq!(both, ["c", "side"]);
    let changed = deployment(json!([{"name": "c", "image": "i:2"}]));
    let changed = deployments.patch("d", &params, &changed).await.unwrap();
    assert_eq!(names(&changed).len(), 2);
}

#[tokio::test]
async fn an_apply_needs_a_manager() {
    let maps = maps().await;
    let error = maps.patch("a", &PatchParams::default(), &applied(&json!({}))).await.unwrap_err().to_string();
    assert!(error.contains("fieldManager"), "{error}");
    let replaced: ConfigMap = parse(json!({"metadata": {"name": "a"}}));
    assert!(maps.replace("a", &PostParams::default(), &replaced).await.is_err());
}
