//! What requests to the embedded plane take, one at a time, each durable before it is answered.

use std::time::Duration;

use dayu_cluster::Cluster;
use dayu_cluster::store::CONFIGMAPS;
use http::{Method, Request};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Whatever went wrong; a benchmark has no remedy to offer.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Writes of each way.
const ROUNDS: u32 = 5000;
const MERGE: &str = "application/merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";
const JSON: &str = "application/json";
const POD: &str = "/api/v1/namespaces/default/pods/worker/status";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/default/deployments/detector?fieldManager=bench";

/// Measures and prints.
pub(crate) fn run() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let folder = crate::scratch()?;
    runtime.block_on(measure(folder.path())).map_err(std::io::Error::other)
}

async fn measure(data: &std::path::Path) -> Result<(), Failure> {
    let cluster = Cluster::builder().data_dir(data.to_owned()).build().await?;
    let client = cluster.client();
    println!("{ROUNDS} writes of each way, one at a time, durable");

    let start = Instant::now();
    for number in 0..ROUNDS {
        cluster.store().create(&CONFIGMAPS, map(&format!("s{number}")))?;
    }
    report("store a ConfigMap", start.elapsed(), ROUNDS);

    let start = Instant::now();
    for number in 0..ROUNDS {
        send(&client, Method::POST, "/api/v1/namespaces/default/configmaps", JSON, &map(&format!("c{number}"))).await?;
    }
    report("create a ConfigMap", start.elapsed(), ROUNDS);

    let pod = json!({"metadata": {"name": "worker"}, "spec": worker()});
    send(&client, Method::POST, "/api/v1/namespaces/default/pods", JSON, &pod).await?;
    let start = Instant::now();
    for number in 0..ROUNDS {
        let told = json!({"status": {"phase": "Running", "podIP": format!("127.64.0.{}", number % 2)}});
        send(&client, Method::PATCH, POD, MERGE, &told).await?;
    }
    report("tell a pod's status", start.elapsed(), ROUNDS);

    let start = Instant::now();
    for number in 0..ROUNDS {
        send(&client, Method::PATCH, DEPLOYMENT, APPLY, &deployment(number % 2 + 1)).await?;
    }
    report("apply a changed Deployment", start.elapsed(), ROUNDS);

    let start = Instant::now();
    for _ in 0..ROUNDS {
        send(&client, Method::PATCH, DEPLOYMENT, APPLY, &deployment(2)).await?;
    }
    report("apply a Deployment again", start.elapsed(), ROUNDS);

    let start = Instant::now();
    let request = Request::get("/api/v1/configmaps").body(Body::empty())?;
    let bytes = client.send(request).await?.into_body().collect_bytes().await?;
    report(&format!("list {} ConfigMaps, {} bytes", 2 * ROUNDS, bytes.len()), start.elapsed(), 1);
    Ok(())
}

async fn send(client: &Client, method: Method, path: &str, kind: &str, body: &Value) -> Result<(), Failure> {
    let request = Request::builder().method(method).uri(path).header(http::header::CONTENT_TYPE, kind);
    let status = client.send(request.body(body.to_string().into_bytes().into())?).await?.status();
    if status.is_success() { Ok(()) } else { Err(format!("{path}: {status}").into()) }
}

fn report(what: &str, took: Duration, times: u32) {
    println!("{what:>40}: {:>8.1?}", took / times);
}

fn map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": {"a": "b"}})
}

fn deployment(replicas: u32) -> Value {
    let labels = json!({"app": "detector"});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "detector", "labels": labels},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": worker()},
        },
    })
}

/// As the layer makes them: some twenty variables.
fn worker() -> Value {
    let variable = |number: usize| json!({"name": format!("NAME_{number}"), "value": "a value of some length"});
    let environment: Vec<Value> = (0..20).map(variable).collect();
    json!({"containers": [{
        "name": "worker", "image": "registry.example.com/i:v1", "ports": [{"containerPort": 9000}], "env": environment,
    }]})
}
