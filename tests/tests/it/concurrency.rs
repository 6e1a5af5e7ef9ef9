//! How many resources an engine looks at side by side.
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use dayu_cluster::Cluster;
use dayu_core::{
    api::{RuntimeService, RuntimeServiceStatus},
    engine::{Engine, Options, World},
    template::{Observed, Plan, Rejection, Site, Template, runtime_service::RuntimeServiceTemplate},
};
use http::Request;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Node};
use kube::{
    Api, Client,
    api::{ListParams, PostParams},
    client::Body,
};
use serde_json::json;
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::mocks::install;

const RESOURCES: usize = 6;
const AT_ONCE: usize = 2;

/// Counts how often something is planned: at the begin of each look.
struct Counting(Arc<AtomicUsize>);

impl Template for Counting {
    type Resource = RuntimeService;
    type Status = RuntimeServiceStatus;

    fn plan(&self, service: &RuntimeService, site: &Site) -> Result<Plan, Rejection> {
        self.0.fetch_add(1, Ordering::Relaxed);
        RuntimeServiceTemplate.plan(service, site)
    }

    fn status(&self, service: &RuntimeService, observed: &Observed) -> RuntimeServiceStatus {
        RuntimeServiceTemplate.status(service, observed)
    }
}

/// A client whose writes wait until they are let through.
fn held(client: Client, gate: Arc<Semaphore>) -> Client {
    let held = tower::service_fn(move |request: Request<Body>| {
        let (client, gate) = (client.clone(), gate.clone());
        async move {
            if request.method() != "GET" {
                gate.acquire().await?.forget();
            }
            client.send(request).await.map_err(tower::BoxError::from)
        }
    });
    Client::new(held, "default")
}

fn runtime_service(number: usize) -> RuntimeService {
    let spec = json!({
        "installID": "i", "deploymentRevision": 1, "component": "source", "targetNode": "edge1",
        "podTemplate": {"spec": {"containers": [{"name": "c", "image": "i:1"}]}},
    });
    RuntimeService::new(&format!("det-{number}"), serde_json::from_value(spec).unwrap())
}

#[tokio::test(start_paused = true)]
async fn no_more_looks_begin_than_may_go_on_side_by_side() {
    let cluster = Cluster::builder().build().await.unwrap();
    let client = cluster.client();
    install(&client).await;
    let node: Node = serde_json::from_value(json!({"metadata": {"name": "edge1"}})).unwrap();
    Api::all(client.clone()).create(&PostParams::default(), &node).await.unwrap();
    let services = Api::<RuntimeService>::default_namespaced(client.clone());
    for number in 0..RESOURCES {
        services.create(&PostParams::default(), &runtime_service(number)).await.unwrap();
    }
    let (shutdown, (world, _demands)) = (CancellationToken::new(), World::new());
    tokio::spawn(world.clone().watch(client.clone(), shutdown.clone()));
    let (planned, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let options = Options { concurrency: AT_ONCE, ..Options::default() };
    let engine = Engine::new(Counting(planned.clone()), held(client.clone(), gate.clone()), world, options);
    let engine = tokio::spawn(engine.run(shutdown.clone()));

    // Nothing else can begin by then: time passes once everybody waits.
    sleep(Duration::from_secs(60)).await;
    assert_eq!(planned.load(Ordering::Relaxed), AT_ONCE);

    gate.add_permits(Semaphore::MAX_PERMITS);
    let deployments = Api::<Deployment>::default_namespaced(client);
    let made = async {
        while deployments.list(&ListParams::default()).await.unwrap().items.len() < RESOURCES {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(60), made).await.expect("each has its turn");
    shutdown.cancel();
    engine.await.unwrap();
}
