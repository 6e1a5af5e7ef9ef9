//! What writes and lists cost. Run by hand: `cargo test --release -p dayu-cluster --test it throughput -- --ignored --nocapture`.

use dayu_cluster::Cluster;
use dayu_cluster::store::CONFIGMAPS;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams, PostParams};
use serde_json::json;
use tokio::time::Instant;

use crate::verbs::config_map;

const OBJECTS: u32 = 10_000;

#[tokio::test]
#[ignore = "a measurement"]
async fn throughput() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::builder().data_dir(dir.path().to_owned()).build().await.unwrap();
    let rate = |start: Instant| f64::from(OBJECTS) / start.elapsed().as_secs_f64();

    let start = Instant::now();
    for number in 0..OBJECTS {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": format!("s{number}"), "namespace": "kube-system"}, "data": {"a": "b"}});
        cluster.store().create(&CONFIGMAPS, map).unwrap();
    }
    println!("store, durable: {:.0} writes/s", rate(start));

    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client());
    let start = Instant::now();
    for number in 0..OBJECTS {
        maps.create(&PostParams::default(), &config_map(&format!("c{number}"), "v")).await.unwrap();
    }
    println!("client in process, durable, admitted, one at a time: {:.0} writes/s", rate(start));

    let start = Instant::now();
    let listed = maps.list_metadata(&ListParams::default()).await.unwrap().items.len();
    println!("metadata of {listed}: {:?}", start.elapsed());
    let request = http::Request::get("/api/v1/configmaps").body(Vec::new().into()).unwrap();
    let start = Instant::now();
    let bytes = cluster.client().send(request).await.unwrap().into_body().collect_bytes().await.unwrap();
    println!("list of {} objects, {} bytes: {:?}", 2 * OBJECTS, bytes.len(), start.elapsed());
    drop(maps);
    drop(cluster);
}
