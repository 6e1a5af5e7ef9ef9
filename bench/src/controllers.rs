//! What Deployments with a Service each cost the plane: its store and its own controllers, from the demand until all is
//! said of them, and what it holds for each then. Nodes and pods are played by doubles that go to the store directly, so
//! that no request is counted.

use std::time::Duration;

use clap::Args;
use dayu_cluster::Cluster;
use dayu_cluster::store::{
    DEPLOYMENTS, ENDPOINTS, ENDPOINTSLICES, NODES, Object, PODS, ResourceRef, SERVICES, Store, Window,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    follow::{Follower, is_waiting},
    usage::Usage,
};

/// Whatever went wrong; a benchmark has no remedy to offer.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Between two looks whether all is said: these looks are counted, too, so there are few.
const PAUSE: Duration = Duration::from_millis(250);
/// Before memory is looked at.
const AT_REST: Duration = Duration::from_secs(3);
/// Where memory is measured, so many come at a time.
const AT_ONCE: usize = 500;
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
    /// Remember as few events as usual, and tell the memory that is held instead of the time it takes: controllers may
    /// fall behind and list again.
    #[arg(long)]
    memory: bool,
}

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(arguments)).map_err(std::io::Error::other)
}

async fn measure(&Arguments { count, devices, memory }: &Arguments) -> Result<(), Failure> {
    // Nobody falls behind: to list again is another measure.
    let window = if memory { Window::default() } else { Window { events: 1 << 20, bytes: 1 << 30 } };
    let cluster = Cluster::builder().window(window).build().await?;
    let store = cluster.store().clone();
    let controllers = cluster.start_controllers();
    for number in 0..devices {
        store.create(&NODES, node(number))?;
    }
    let pods = tokio::spawn(play(store.clone(), count));

    let demand = move |number| [deployment(number, devices), service(number)];
    let demands: Box<dyn Iterator<Item = [Value; 2]> + Send> = if memory {
        Box::new((0..count).map(demand))
    } else {
        // Made before the clock runs.
        Box::new((0..count).map(demand).collect::<Vec<_>>().into_iter())
    };
    let (began, before) = (Instant::now(), Usage::of_this()?);
    for (number, [deployment, service]) in demands.enumerate() {
        store.create(&DEPLOYMENTS, deployment)?;
        store.create(&SERVICES, service)?;
        if memory && number % AT_ONCE == 0 {
            sleep(PAUSE).await;
        }
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
    let (took, spent) = (began.elapsed(), Usage::of_this()?.since(&before).seconds);
    println!("{count} Deployments and Services on {devices} devices, {} writes", store.version());
    if memory {
        // By then the allocator has given back what is not used.
        sleep(AT_REST).await;
        let held = Usage::of_this()?.resident.saturating_sub(before.resident) * 1024;
        let text = text(&store);
        let each = |bytes: u64| bytes / count.max(1) as u64;
        println!(
            "{} bytes held for each Deployment with its pod and Service, of which {} as text",
            each(held),
            each(text)
        );
    } else {
        println!("all available and reachable after {:.2} s, {spent:.2} s of processor time", took.as_secs_f64());
    }
    controllers.shutdown().await;
    Ok(())
}

/// Bytes of all stored objects.
fn text(store: &Store) -> u64 {
    let kinds = [DEPLOYMENTS, PODS, SERVICES, ENDPOINTS, ENDPOINTSLICES];
    let objects = kinds.iter().flat_map(|kind| store.list(kind, None).objects);
    objects.map(|object| object.json.len() as u64).sum()
}

fn said(store: &Store, resource: &ResourceRef, text: &str) -> usize {
    let says = |json: &[u8]| std::str::from_utf8(json).is_ok_and(|json| json.contains(text));
    store.list(resource, None).objects.iter().filter(|object| says(&object.json)).count()
}

/// Plays the local managers: whatever is bound runs and is ready.
async fn play(store: Store, count: usize) -> Result<(), Failure> {
    let mut pods = Follower::new(&store, PODS);
    let mut ready = 0;
    while ready < count {
        for pod in pods.next().await {
            if is_waiting(&pod)? {
                become_ready(&store, &pod)?;
                ready += 1;
            }
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn become_ready(store: &Store, pod: &Object) -> Result<(), Failure> {
    let meta = &pod.meta;
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
