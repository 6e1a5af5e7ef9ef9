//! What ten thousand Deployments cost. Run by hand: `cargo test --release -p dayu-cluster --test it -- --ignored --nocapture`.
use std::time::Duration;

use dayu_cluster::{
    Cluster,
    store::{Change, DEPLOYMENTS, ENDPOINTSLICES, NODES, PODS, ResourceRef, SERVICES, Store},
};
use serde::Deserialize;
use serde_json::json;

const COUNT: usize = 10_000;

fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // utime and stime, in hundredths of a second on every Linux that this runs on.
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

fn demand(store: &Store, number: usize) {
    let (name, device) = (format!("worker-{number}"), format!("edge{}", number % 3));
    let labels = json!({"app": name, "managed": "yes"});
    let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [device]}]}]}}});
    let environment: Vec<_> =
        (0..20).map(|n| json!({"name": format!("NAME_{n}"), "value": "a value of some length"})).collect();
    let container = json!({"name": "c", "image": "registry.example.com/i:v1", "ports": [{"containerPort": 9000}], "env": environment});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default", "generation": 1, "labels": labels},
        "spec": {"replicas": 1, "strategy": {"type": "Recreate"}, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels}, "spec": {"affinity": affinity, "containers": [container]}}},
    });
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {"type": "ClusterIP", "selector": labels, "ports": [{"name": "http", "port": 9000, "protocol": "TCP"}]},
    });
    store.create(&DEPLOYMENTS, deployment).unwrap();
    store.create(&SERVICES, service).unwrap();
}

#[derive(Deserialize)]
struct Bound {
    spec: BoundSpec,
    status: BoundStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BoundSpec {
    node_name: Option<String>,
}

#[derive(Deserialize)]
struct BoundStatus {
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
}

/// Plays the local managers: whatever is bound runs and is ready.
async fn run_pods(store: Store) {
    let mut watch = store.watch(&PODS, store.version()).unwrap();
    let mut ready = 0;
    while ready < COUNT {
        for event in watch.next().await.unwrap() {
            let pod: Bound = event.object.parse().unwrap();
            if event.change != Change::Modified || pod.spec.node_name.is_none() || pod.status.pod_ip.is_some() {
                continue;
            }
            ready += 1;
            store
                .modify(&PODS, &event.object.meta.namespace, &event.object.meta.name, |pod| {
                    pod["status"]["phase"] = "Running".into();
                    pod["status"]["podIP"] = "127.64.1.2".into();
                    let mut conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
                    conditions.push(json!({"type": "Ready", "status": "True"}));
                    pod["status"]["conditions"] = conditions.into();
                })
                .unwrap();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn ten_thousand_deployments() {
    let window = dayu_cluster::store::Window { events: 1 << 20, bytes: 1 << 30 };
    let cluster = Cluster::builder().window(window).build().await.unwrap();
    let store = cluster.store().clone();
    let _controllers = cluster.start_controllers();
    for number in 0..3 {
        store
            .create(
                &NODES,
                json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": format!("edge{number}")},
            "spec": {}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}),
            )
            .unwrap();
    }
    let pods = tokio::spawn(run_pods(store.clone()));
    let (start, before) = (tokio::time::Instant::now(), cpu());
    (0..COUNT).for_each(|number| demand(&store, number));
    println!("demanded after {:?}, {:?} CPU", start.elapsed(), cpu() - before);
    pods.await.unwrap();
    println!("pods ready after {:?}, {:?} CPU", start.elapsed(), cpu() - before);
    let count = |resource: &ResourceRef, text: &str| {
        let objects = store.list(resource, None).objects;
        objects.iter().filter(|object| std::str::from_utf8(&object.json).unwrap().contains(text)).count()
    };
    let settled =
        || count(&DEPLOYMENTS, "\"availableReplicas\":1") == COUNT && count(&ENDPOINTSLICES, "\"ready\":true") == COUNT;
    while !settled() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("settled after {:?}, {:?} CPU, {} writes", start.elapsed(), cpu() - before, store.version());
    assert!(start.elapsed() < Duration::from_secs(30));
}
