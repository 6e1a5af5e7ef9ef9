//! What the global manager costs: RuntimeServices to Ready on the embedded plane, workers and routes played by doubles, and
//! then nothing but nodes that say that they live.
pub(crate) mod doubles;
mod managed;
mod report;
mod seen;

use std::time::Duration;

use clap::Args;
use dayu_cluster::Cluster;
use dayu_core::api::RuntimeService;
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client, Resource,
    api::{Patch, PatchParams, PostParams},
    client::Body,
};
use serde_json::json;
use tokio::time::{Instant, timeout};

use self::{managed::Managed, report::Part, seen::Seen};
use crate::{
    failure::Failure,
    figures::{Check, Figures},
    usage::Usage,
};

/// Longest wait for everything to be Ready.
const PATIENCE: Duration = Duration::from_secs(900);
/// The network of Services' addresses: a million, since the usual one ends at 65,533.
const SERVICES: &str = "127.96.0.0/12";
/// Resources that are created at the same time.
const CREATED_AT_ONCE: usize = 64;
pub(crate) const NAMESPACE: &str = "default";

/// How many of what.
#[derive(Args)]
pub(crate) struct Arguments {
    /// RuntimeServices.
    #[arg(long, default_value_t = 10_000)]
    count: usize,
    /// Devices that they are spread over.
    #[arg(long, default_value_t = 10)]
    devices: usize,
    /// Seconds after everything is Ready in which the manager should do nothing.
    #[arg(long, default_value_t = 30)]
    rest: u64,
    /// A plane that keeps nothing: without it each write is in a journal on the disk of the folder for temporary files before
    /// it is answered, as with `dayu up`.
    #[arg(long)]
    in_memory: bool,
    #[command(flatten)]
    check: Check,
}

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut figures = Figures::default();
    runtime.block_on(measure(arguments, &mut figures)).map_err(std::io::Error::other)?;
    figures.check(&arguments.check)
}

async fn measure(arguments: &Arguments, figures: &mut Figures) -> Result<(), Failure> {
    let folder = crate::scratch()?;
    let journal = (!arguments.in_memory).then(|| folder.path().join("plane"));
    let cluster = Cluster::builder().service_cidr(SERVICES).data_dir(journal).build().await?;
    let controllers = cluster.start_controllers();
    let client = cluster.client();
    let devices: Vec<String> = (0..arguments.devices.max(1)).map(|device| format!("edge{device}")).collect();
    for device in &devices {
        create_node(&client, device).await?;
    }
    let mut managed = Managed::start(&cluster, folder.path()).await?;
    let doubles = doubles::start(&cluster, managed.link, &devices).await?;
    let manager = &mut managed.manager;
    let part = Part { count: arguments.count, seconds: arguments.rest };

    let (before, others, asked) = (manager.usage()?, Usage::of_this()?, manager.requests()?);
    let began = Instant::now();
    let seen = Seen::follow(cluster.store());
    let created = async {
        create_all(&client, &devices, arguments.count).await?;
        Ok::<_, Failure>(began.elapsed())
    };
    let ready = timeout(PATIENCE, seen.until(arguments.count, began));
    let (created, ready) = tokio::join!(created, ready);
    let ready = ready
        .map_err(|_| format!("{} of {} are Ready after {} s", seen.ready(), arguments.count, PATIENCE.as_secs()))??;
    let used = [manager.usage()?.since(&before), Usage::of_this()?.since(&others)];
    part.to_ready(figures, created?, &ready, &used, manager.requests()?.since(asked));

    let (before, asked) = (manager.usage()?, manager.requests()?);
    tokio::time::sleep(Duration::from_secs(arguments.rest)).await;
    part.at_rest(figures, &manager.usage()?.since(&before), manager.requests()?.since(asked));
    doubles.shutdown().await?;
    managed.end().await;
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
