//! What Deployments with a Service each cost the plane: its store and its own controllers, from the demand until all is
//! said of them. Nodes and pods are played by doubles that go to the store directly, so that no request is counted.

use std::time::Duration;

use clap::Args;
use dayu_cluster::Cluster;
use dayu_cluster::store::{
    Change, DEPLOYMENTS, ENDPOINTSLICES, Event, NODES, PODS, ResourceRef, SERVICES, Store, Window,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::processor;

/// Whatever went wrong; a benchmark has no remedy to offer.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Between two looks whether all is said: these looks are counted, too, so there are few.
const PAUSE: Duration = Duration::from_millis(250);
/// So many looks are enough.
const LOOKS: usize = 40;

/// How many.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Deployments, and as many Services.
    #[arg(long, default_value_t = 10_000)]
    count: usize,
    /// Devices that they are spread over.
    #[arg(long, default_value_t = 3)]
    devices: usize,
}

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(arguments)).map_err(std::io::Error::other)
}

async fn measure(&Arguments { count, devices }: &Arguments) -> Result<(), Failure> {
    // Nobody falls behind: to list again is another measure.
    let cluster = Cluster::builder().window(Window { events: 1 << 20, bytes: 1 << 30 }).build().await?;
    let store = cluster.store().clone();
    let controllers = cluster.start_controllers();
    for number in 0..devices {
        store.create(&NODES, node(number))?;
    }
    let demands: Vec<[Value; 2]> = (0..count).map(|number| [deployment(number, devices), service(number)]).collect();
    let pods = tokio::spawn(play(store.clone(), count));

    let (began, before) = (Instant::now(), processor::seconds()?);
    for [deployment, service] in demands {
        store.create(&DEPLOYMENTS, deployment)?;
        store.create(&SERVICES, service)?;
    }
    pods.await??;
    let mut looks = 0;
    while said(&store, &DEPLOYMENTS, r#""availableReplicas":1"#) < count
        || said(&store, &ENDPOINTSLICES, r#""ready":true"#) < count
    {
        looks += 1;
        if looks > LOOKS {
            return Err("not all became available".into());
        }
        sleep(PAUSE).await;
    }
    let (took, spent) = (began.elapsed(), processor::seconds()? - before);
    println!("{count} Deployments and Services on {devices} devices, {} writes", store.version());
    println!("all available and reachable after {:.2} s, {spent:.2} s of processor time", took.as_secs_f64());
    controllers.shutdown().await;
    Ok(())
}

fn said(store: &Store, resource: &ResourceRef, text: &str) -> usize {
    let says = |json: &[u8]| std::str::from_utf8(json).is_ok_and(|json| json.contains(text));
    store.list(resource, None).objects.iter().filter(|object| says(&object.json)).count()
}

/// Plays the local managers: whatever is bound runs and is ready.
async fn play(store: Store, count: usize) -> Result<(), Failure> {
    let mut watch = store.watch(&PODS, store.version())?;
    let mut ready = 0;
    while ready < count {
        for event in watch.next().await? {
            if is_waiting(&event)? {
                become_ready(&store, &event)?;
                ready += 1;
            }
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn is_waiting(event: &Event) -> Result<bool, Failure> {
    #[derive(Deserialize)]
    struct Pod {
        spec: Spec,
        status: Status,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Spec {
        node_name: Option<String>,
    }
    #[derive(Deserialize)]
    struct Status {
        #[serde(rename = "podIP")]
        pod_ip: Option<String>,
    }
    if event.change != Change::Modified {
        return Ok(false);
    }
    let pod: Pod = event.object.parse()?;
    Ok(pod.spec.node_name.is_some() && pod.status.pod_ip.is_none())
}

fn become_ready(store: &Store, event: &Event) -> Result<(), Failure> {
    let meta = &event.object.meta;
    store.edit(&PODS, &meta.namespace, &meta.name, |pod| {
        let status = &mut pod["status"];
        status["phase"] = "Running".into();
        status["podIP"] = "127.64.1.2".into();
        let mut conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        conditions.push(json!({"type": "Ready", "status": "True"}));
        status["conditions"] = conditions.into();
    })?;
    Ok(())
}

fn node(number: usize) -> Value {
    let status = json!({"conditions": [{"type": "Ready", "status": "True"}]});
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": format!("edge{number}")}, "spec": {}, "status": status})
}

fn labels(number: usize) -> Value {
    json!({"app": format!("worker-{number}"), "managed": "yes"})
}

/// As the layer makes them: pinned to a device, some twenty variables.
fn deployment(number: usize, devices: usize) -> Value {
    let device = format!("edge{}", number % devices.max(1));
    let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [device]}]}]}}});
    let environment: Vec<Value> =
        (0..20).map(|n| json!({"name": format!("NAME_{n}"), "value": "a value of some length"})).collect();
    let container = json!({
        "name": "c", "image": "registry.example.com/i:v1", "ports": [{"containerPort": 9000}], "env": environment,
    });
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": format!("worker-{number}"), "namespace": "default", "generation": 1, "labels": labels(number)},
        "spec": {
            "replicas": 1, "strategy": {"type": "Recreate"}, "selector": {"matchLabels": labels(number)},
            "template": {"metadata": {"labels": labels(number)}, "spec": {"affinity": affinity, "containers": [container]}},
        },
    })
}

fn service(number: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": format!("worker-{number}"), "namespace": "default", "labels": labels(number)},
        "spec": {
            "type": "ClusterIP", "selector": labels(number), "ports": [{"name": "http", "port": 9000, "protocol": "TCP"}],
        },
    })
}
