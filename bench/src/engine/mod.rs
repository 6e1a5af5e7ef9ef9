//! What the global manager costs: RuntimeServices to Ready on the embedded plane, workers and routes played by doubles.
//!
//! In one process by default, so that the manager's requests can be counted; with `--apart` the manager is a process of its
//! own, over HTTPS, so that its memory and time can be told from everything else's.
pub(crate) mod doubles;
mod manager;
mod requests;

use std::{collections::BTreeSet, time::Duration};

use clap::Args;
use dayu_cluster::{
    Cluster,
    store::{ResourceRef, Store},
};
use dayu_core::api::{RuntimeService, condition};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::{api::core::v1::Node, apimachinery::pkg::apis::meta::v1::Condition};
use kube::{
    Api, Client, Resource,
    api::{Patch, PatchParams, PostParams},
    client::Body,
};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout};

use crate::follow::Follower;
use manager::Manager;

pub(crate) use manager::{Arguments as ManagerArguments, Usage, link_of, run as run_manager};

/// Longest wait for everything to be Ready.
const PATIENCE: Duration = Duration::from_secs(600);
/// Resources that are created at the same time.
const CREATED_AT_ONCE: usize = 64;
pub(crate) const NAMESPACE: &str = "default";

/// Whatever went wrong; a benchmark has no remedy to offer.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How many of what.
#[derive(Args)]
pub(crate) struct Arguments {
    /// RuntimeServices.
    #[arg(long, default_value_t = 10_000)]
    count: usize,
    /// Devices that they are spread over.
    #[arg(long, default_value_t = 10)]
    devices: usize,
    /// Run the manager as a process of its own and tell its memory and processor time instead of its requests.
    #[arg(long)]
    apart: bool,
    /// Seconds after everything is Ready in which the manager should do nothing.
    #[arg(long, default_value_t = 10)]
    rest: u64,
}

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(arguments)).map_err(std::io::Error::other)
}

async fn measure(arguments: &Arguments) -> Result<(), Failure> {
    let cluster = Cluster::builder().build().await?;
    let controllers = cluster.start_controllers();
    let client = cluster.client();
    let devices: Vec<String> = (0..arguments.devices.max(1)).map(|device| format!("edge{device}")).collect();
    for device in &devices {
        create_node(&client, device).await?;
    }
    let manager = if arguments.apart { Manager::apart(&cluster).await? } else { Manager::within(&cluster).await? };
    let doubles = doubles::start(&cluster, manager.link(), &devices).await?;

    let before = manager.usage()?;
    let began = Instant::now();
    let ready = tokio::spawn(until_ready(cluster.store().clone(), arguments.count));
    create_all(&client, &devices, arguments.count).await?;
    let created = began.elapsed();
    timeout(PATIENCE, ready).await.map_err(|_| format!("not all Ready within {} s", PATIENCE.as_secs()))???;
    let took = began.elapsed();
    let busy = manager.usage()?;
    tokio::time::sleep(Duration::from_secs(arguments.rest)).await;
    let resting = manager.usage()?;

    println!("{} RuntimeServices on {} devices", arguments.count, devices.len());
    println!("created after   {:>8.2} s", created.as_secs_f64());
    println!("all Ready after {:>8.2} s", took.as_secs_f64());
    println!("{}", busy.since(&before).told(arguments.count));
    println!("at rest, {} s: {}", arguments.rest, resting.since(&busy).told(arguments.count));
    doubles.shutdown().await;
    manager.end().await?;
    controllers.shutdown().await;
    Ok(())
}

pub(crate) async fn create_node(client: &Client, name: &str) -> Result<(), Failure> {
    let condition = json!({
        "type": "Ready", "status": "True", "reason": "Bench", "message": "played by a double",
        "lastHeartbeatTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    let node: Node = serde_json::from_value(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}))?;
    let nodes = Api::<Node>::all(client.clone());
    nodes.create(&PostParams::default(), &node).await?;
    let room = json!({"pods": "10000", "cpu": "64", "memory": "256Gi"});
    let status = json!({"capacity": room, "allocatable": room, "conditions": [condition]});
    let status = Patch::Merge(json!({"status": status}));
    nodes.patch_status(name, &PatchParams::default(), &status).await?;
    Ok(())
}

async fn create_all(client: &Client, devices: &[String], count: usize) -> Result<(), Failure> {
    let services = kube::core::Request::new(RuntimeService::url_path(&(), Some(NAMESPACE)));
    let create = |number: usize| {
        let service = runtime_service(&format!("detector-{number}"), &devices[number % devices.len()]);
        let request = services.create(&PostParams::default(), service.to_string().into_bytes());
        let client = client.clone();
        async move {
            let answer = client.send(request?.map(Body::from)).await?;
            succeeded(answer.status())
        }
    };
    stream::iter((0..count).map(create)).buffer_unordered(CREATED_AT_ONCE).try_collect().await
}

fn succeeded(status: http::StatusCode) -> Result<(), Failure> {
    if status.is_success() { Ok(()) } else { Err(format!("the API answered {status}").into()) }
}

/// In the shape that users' backends send: a few variables, a port, an endpoint.
pub(crate) fn runtime_service(name: &str, device: &str) -> serde_json::Value {
    json!({
        "apiVersion": "sedna.io/v1alpha1", "kind": "RuntimeService", "metadata": {"name": name},
        "spec": {
            "installID": "bench", "deploymentRevision": 1, "component": "processor", "logicalService": "detector",
            "targetNode": device, "endpoint": {"port": 9000},
            "podTemplate": {"spec": {"containers": [{
                "name": "worker", "image": "dayu/detector:1", "ports": [{"containerPort": 9000}],
                "env": [{"name": "LOG_LEVEL", "value": "INFO"}, {"name": "MODEL", "value": "yolo"}],
            }]}},
        },
    })
}

/// Returns once so many RuntimeServices have been Ready.
async fn until_ready(store: Store, count: usize) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Seen {
        #[serde(default)]
        status: Status,
    }
    #[derive(Default, Deserialize)]
    struct Status {
        #[serde(default)]
        conditions: Vec<Condition>,
    }
    let mut services = Follower::new(&store, ResourceRef::new("sedna.io", "runtimeservices"));
    let mut ready = BTreeSet::new();
    while ready.len() < count {
        for service in services.next().await {
            let seen: Seen = service.parse()?;
            if condition::holds(&seen.status.conditions, condition::READY) {
                ready.insert(service.meta.name.clone());
            }
        }
    }
    Ok(())
}
