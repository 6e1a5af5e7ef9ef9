//! The same API over HTTPS.

use std::net::SocketAddr;

use dayu_cluster::Cluster;
use dayu_cluster::store::CONFIGMAPS;
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::api::{Api, ListParams, PostParams, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;

use crate::verbs::{cluster, config_map, parse};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

pub(crate) async fn config(kubeconfig: &str) -> Config {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()
}

#[tokio::test]
async fn a_client_with_the_kubeconfig_gets_in() {
    let cluster = cluster().await;
    let serving = cluster.serve(ANY).await.unwrap();
    let client = Client::try_from(config(serving.kubeconfig()).await).unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    maps.create(&PostParams::default(), &config_map("a", "1")).await.unwrap();
    let within: Api<ConfigMap> = Api::default_namespaced(cluster.client());
    assert_eq!(within.list(&ListParams::default()).await.unwrap().items.len(), 1);

    let mut events = maps.watch(&WatchParams::default(), "0").await.unwrap().boxed();
    events.try_next().await.unwrap().unwrap();
    let services: Api<Service> = Api::default_namespaced(client);
    let own = services.get("kubernetes").await.unwrap().spec.unwrap();
    assert_eq!(own.cluster_ip.as_deref(), Some("127.96.0.1"));
    serving.shutdown().await;
    assert!(events.next().await.is_none_or(|event| event.is_err()), "a watch ends with its server");
}

#[tokio::test]
async fn a_client_without_a_certificate_sees_health_only() {
    let cluster = cluster().await;
    let serving = cluster.serve(ANY).await.unwrap();
    let mut config = config(serving.kubeconfig()).await;
    config.auth_info = kube::config::AuthInfo::default();
    let client = Client::try_from(config).unwrap();
    assert_eq!(client.apiserver_version().await.unwrap().major, "1");
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    assert!(maps.list(&ListParams::default()).await.unwrap_err().to_string().contains("Unauthorized"));
}

#[tokio::test]
async fn a_kubeconfig_outlives_a_restart_and_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("data");
    let start = async || {
        let cluster = Cluster::builder().data_dir(dir.clone()).build().await.unwrap();
        let serving = cluster.serve(ANY).await.unwrap();
        let path = serving.kubeconfig_path().unwrap();
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        (cluster, serving)
    };
    let (cluster, serving) = start().await;
    let kept = serde_json::to_value(config_map("kept", "1")).unwrap();
    cluster.store().create(&CONFIGMAPS, kept).unwrap();
    drop(cluster);
    let first = serving.kubeconfig().to_owned();
    serving.shutdown().await;

    let (cluster, serving) = start().await;
    assert!(cluster.store().get(&CONFIGMAPS, "", "kept").is_some());
    let mut old = config(&first).await;
    old.cluster_url = format!("https://{}", serving.addr()).parse().unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(Client::try_from(old).unwrap());
    maps.list(&ListParams::default()).await.unwrap();
}

#[tokio::test]
async fn addresses_beyond_this_machine_and_taken_ports_are_refused() {
    let cluster = cluster().await;
    let error = cluster.serve("0.0.0.0:0".parse().unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("listen on 127.0.0.1"), "{error}");
    let serving = cluster.serve(ANY).await.unwrap();
    let error = cluster.serve(serving.addr()).await.unwrap_err();
    assert!(error.to_string().contains("choose another port"), "{error}");
}

#[tokio::test]
async fn services_get_addresses_and_give_them_back() {
    let services: Api<Service> = Api::default_namespaced(cluster().await.client());
    let service = |name: &str, port: u32| -> Service {
        parse(
            json!({"metadata": {"name": name}, "spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": port}]}}),
        )
    };
    let made = services.create(&PostParams::default(), &service("a", 30500)).await.unwrap();
    assert!(made.spec.unwrap().cluster_ip.unwrap().starts_with("127.96."));
    let error = services.create(&PostParams::default(), &service("b", 30500)).await.unwrap_err().to_string();
    assert!(error.contains("provided port is already allocated"), "{error}");
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    services.create(&dry, &service("b", 30501)).await.unwrap();
    services.create(&PostParams::default(), &service("b", 30501)).await.unwrap();
    services.delete("a", &kube::api::DeleteParams::default()).await.unwrap();
    services.create(&PostParams::default(), &service("c", 30500)).await.unwrap();
}
