//! Faults between the API and the global manager.
use dayu_cluster::{Cluster, Controllers};
use dayu_core::api::{RuntimeService, condition};
use dayu_gm::{Handle, Options, run_with};
use http::Method;
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Faults, Row, Scene, befall, events, parse};

/// A cluster whose device runs every pod, and its global manager.
struct Manager {
    client: Client,
    faults: Faults,
    /// Whether somebody changes children meanwhile. What is changed while nobody leads is taken as it is.
    is_interfered: bool,
    _controllers: [Controllers; 2],
    _manager: Handle,
    _stop: DropGuard,
}

impl Manager {
    async fn start(is_interfered: bool) -> Self {
        let cluster = Cluster::builder().build().await.unwrap();
        let controllers = [cluster.start_controllers(), cluster.start_hollow_nodes(&["edge1"]).unwrap()];
        let (faults, stop) = (Faults::default(), CancellationToken::new());
        let mut manager = run_with(faults.client(&cluster), Options::default(), stop.clone());
        manager.ready().await.expect("it leads");
        let client = cluster.client();
        Self { client, faults, is_interfered, _controllers: controllers, _manager: manager, _stop: stop.drop_guard() }
    }

    fn services(&self) -> Api<RuntimeService> {
        Api::default_namespaced(self.client.clone())
    }

    fn deployments(&self) -> Api<Deployment> {
        Api::default_namespaced(self.client.clone())
    }
}

pub(super) fn runtime_service(name: &str) -> Value {
    json!({
        "apiVersion": "sedna.io/v1alpha1", "kind": "RuntimeService", "metadata": {"name": name},
        "spec": {
            "installID": "i", "deploymentRevision": 1, "component": "source", "targetNode": "edge1",
            "podTemplate": {"spec": {"containers": [{"name": "c", "image": "i:1"}]}},
        },
    })
}

fn name(number: usize) -> String {
    format!("det-{number}")
}

impl Scene for Manager {
    async fn act(&mut self, number: usize) {
        let service = runtime_service(&name(number));
        self.services().create(&PostParams::default(), &parse(service)).await.unwrap();
        // Somebody changes an earlier child, which has to be put right.
        if let Some(earlier) = number.checked_sub(1).filter(|_| self.is_interfered) {
            let patch = Patch::Merge(json!({"spec": {"replicas": 2}}));
            self.deployments().patch(&name(earlier), &PatchParams::default(), &patch).await.unwrap();
        }
    }

    async fn is_in_order(&mut self, number: usize) -> bool {
        let service = self.services().get(&name(number)).await.unwrap();
        let deployments = self.deployments().list(&ListParams::default()).await.unwrap();
        let replicas = |one: &Deployment| one.spec.replicas;
        service.status.is_some_and(|status| condition::holds(&status.conditions, condition::READY))
            && deployments.items.len() == number + 1
            && deployments.iter().all(|one| replicas(one) == Some(1))
    }

    async fn told(&mut self, number: usize) -> String {
        let mut told = events(&self.client).await;
        for number in number.saturating_sub(1)..=number {
            let service = self.services().get(&name(number)).await.unwrap();
            told += &format!("{}: {:#?}\n", service.name_any(), service.status);
        }
        told
    }
}

/// One test each, so that they run side by side.
macro_rules! rows {
    ($($test:ident: $which:expr, $told:expr;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $test() {
            let row = Row { what: stringify!($test), which: $which, told: $told };
            // A leader without its Lease is none.
            let mut manager = Manager::start(!(row.which)(&Method::PUT, "/leases/dayu-gm")).await;
            let faults = manager.faults.clone();
            befall(&mut manager, &faults, &row).await;
        }
    )*};
}

rows! {
    creating_children: |method, path| method == "POST" && path.ends_with("/deployments"),
        Some("may not create deployments.apps");
    reading_children: |method, path| method == "GET" && path.contains("/deployments/"),
        Some("may not get deployments.apps");
    changing_children: |method, path| method == "PATCH" && path.contains("/deployments/"),
        Some("may not patch deployments.apps");
    writing_statuses: |method, path| method == "PATCH" && path.ends_with("/status"),
        Some("may not patch runtimeservices.sedna.io/status");
    watching_children: |method, path| method == "GET" && path.ends_with("/deployments"),
        Some("may not watch deployments.apps");
    watching_resources: |method, path| method == "GET" && path.ends_with("/runtimeservices"),
        Some("may not watch runtimeservices.sedna.io");
    keeping_the_lease: |method, path| method == "PUT" && path.ends_with("/leases/dayu-gm"),
        Some("may not update leases.coordination.k8s.io");
    asking_anything: |_, _| true,
        None;
}
