//! Children as another manager made them from the same resources, where a recording is at hand (`DAYU_SAMPLES`).
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use dayu_cluster::Cluster;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Namespace, Node, Service},
};
use kube::{
    Api, Client, Config,
    api::{ListParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use xtask::kube::{Assets, ControlPlane, skip};

const NODES: [&str; 6] = ["edge1", "edge5", "edgexn8", "edgexn11", "edgexn12", "cloud.kubeedge"];
/// Two resources as they are published, where each belongs, and the one device that is not among the others.
const PUBLISHED: [(&str, &str); 2] =
    [("runtimeservice_v1alpha1.yaml", "default"), ("jointmultiedgeservice_mounts_v1alpha1.yaml", "auto-edge")];
const PUBLISHED_NODE: &str = "edge-node-name";

#[tokio::test(flavor = "multi_thread")]
async fn children_equal_the_recorded_ones() {
    let Some(samples) = samples() else { return };
    if Command::new("kubectl").arg("version").arg("--client").output().is_err() {
        return skip("no kubectl on the PATH");
    }
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::builder().data_dir(folder.path().to_owned()).build().await.unwrap();
    let serving = cluster.serve(([127, 0, 0, 1], 0).into()).await.unwrap();
    let _controllers = cluster.start_controllers();
    compare(&samples, "kubectl".as_ref(), serving.kubeconfig_path().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn children_equal_the_recorded_ones_on_kubernetes() {
    let Some(samples) = samples() else { return };
    let Some(assets) = Assets::for_tests() else { return };
    let plane = ControlPlane::start(&assets).await.unwrap();
    compare(&samples, &plane.kubectl(), &plane.kubeconfig()).await;
}

/// A recording is nobody's to publish: without one there is nothing to compare with, on any machine.
fn samples() -> Option<PathBuf> {
    let samples = std::env::var_os("DAYU_SAMPLES").map(PathBuf::from);
    if samples.is_none() {
        eprintln!("skipped: DAYU_SAMPLES names no folder with golden/input.yaml, children.json and compare.py");
    }
    samples
}

async fn compare(samples: &Path, kubectl: &Path, kubeconfig: &Path) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
    let client = Client::try_from(config).unwrap();
    prepare(&client).await;
    let shutdown = CancellationToken::new();
    let options =
        dayu_gm::Options { local_manager_url: "http://127.0.0.1:19100".to_owned(), ..dayu_gm::Options::default() };
    let mut gm = dayu_gm::run_with(client.clone(), options, shutdown.clone());
    gm.ready().await.expect("the global manager is ready");

    let folder = tempfile::tempdir().unwrap();
    let golden = samples.join("golden");
    let reach = |command: &mut Command| {
        command.arg("--kubeconfig").arg(kubeconfig).arg("--cache-dir").arg(folder.path().join("cache"));
    };
    let apply = |file: &Path| {
        let mut apply = Command::new(kubectl);
        reach(&mut apply);
        let applied = apply.arg("apply").arg("-f").arg(file).output().unwrap();
        assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    };
    apply(&golden.join("input.yaml"));
    let children = settled(&client, "g1").await;

    let mine = folder.path().join("mine.json");
    let mut dump = Command::new("python3");
    dump.arg(golden.join("compare.py")).arg("g1").arg(kubectl);
    reach(&mut dump);
    let dumped = dump.output().unwrap();
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    std::fs::write(&mine, &dumped.stdout).unwrap();
    let mut diff = Command::new("python3");
    diff.arg(golden.join("compare.py")).arg("--diff").arg(golden.join("children.json")).arg(&mine);
    let diff = diff.output().unwrap();
    let told = String::from_utf8_lossy(&diff.stdout).into_owned();
    assert!(diff.status.success() && told.contains(" 0 differences"), "{children} children: {told}");
    namespace(&client, "auto-edge").await;
    node(&client, PUBLISHED_NODE).await;
    for (sample, namespace) in PUBLISHED {
        apply(&samples.join(sample));
        assert!(settled(&client, namespace).await > 0, "{sample} makes nothing");
    }
    shutdown.cancel();
    gm.finished().await.unwrap();
}

async fn prepare(client: &Client) {
    namespace(client, "g1").await;
    for name in NODES {
        node(client, name).await;
    }
}

async fn namespace(client: &Client, name: &str) {
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
    Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
}

async fn node(client: &Client, name: &str) {
    let node: Node = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
    Api::all(client.clone()).create(&PostParams::default(), &node).await.unwrap();
}

/// Waits until the number of children in a namespace has not changed for a while, and gives it.
async fn settled(client: &Client, namespace: &str) -> usize {
    let ours = ListParams::default().labels("dayu.io/resource-uid");
    let mut before = 0;
    for _ in 0..100 {
        let deployments = Api::<Deployment>::namespaced(client.clone(), namespace).list(&ours).await.unwrap();
        let services = Api::<Service>::namespaced(client.clone(), namespace).list(&ours).await.unwrap();
        let count = deployments.items.len() + services.items.len();
        if count == before && count > 0 {
            return count;
        }
        before = count;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    before
}
