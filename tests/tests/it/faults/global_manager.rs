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
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    FORGOTTEN, Faults, Instead,
    Instead::{Heals, Passes, Says},
    LASTS, News, PATIENCE, Row, STILL, Scene, Telling,
    Telling::{Afterwards, Meanwhile},
    befall, does_not_spin,
    layer::{
        ALL,
        Fault::{Busy, CutShort, Refused, Silent, Slow, Truncated},
        Which,
    },
    parse, tells,
};

/// A cluster whose device runs every pod, and its global manager.
pub(super) struct Manager {
    pub(super) client: Client,
    pub(super) faults: Faults,
    /// Whether somebody changes children meanwhile. What is changed while nobody leads is taken as it is.
    is_interfered: bool,
    handle: Handle,
    _controllers: [Controllers; 2],
    _stop: DropGuard,
}

impl Manager {
    /// It leads already.
    pub(super) async fn lead() -> Self {
        let mut started = Self::start(Faults::default()).await;
        started.handle.ready().await.expect("it leads");
        started
    }

    /// With these faults from its first request on.
    async fn start(faults: Faults) -> Self {
        let cluster = Cluster::builder().build().await.unwrap();
        let controllers = [cluster.start_controllers(), cluster.start_hollow_nodes(&["edge1"]).unwrap()];
        let stop = CancellationToken::new();
        let handle = run_with(faults.client(&cluster), Options::default(), stop.clone());
        let (client, stop) = (cluster.client(), stop.drop_guard());
        Self { client, faults, handle, is_interfered: false, _controllers: controllers, _stop: stop }
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
        let mut told = String::new();
        for number in number.saturating_sub(1)..=number {
            let service = self.services().get(&name(number)).await.unwrap();
            told += &format!("{}: {:#?}\n", service.name_any(), service.status);
        }
        told
    }

    fn client(&self) -> Client {
        self.client.clone()
    }
}

/// One test each, so that they run side by side.
macro_rules! rows {
    ($($test:ident: $which:expr, $right:literal, $told:expr, $but:expr;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $test() {
            let row = Row { what: stringify!($test), which: $which, right: $right, told: $told, but: &$but };
            // A leader without its Lease is none.
            let is_interfered = !(row.which)(&Method::PUT, "/leases/dayu-gm");
            let mut manager = Manager { is_interfered, ..Manager::lead().await };
            let faults = manager.faults.clone();
            befall(&mut manager, &faults, &row).await;
        }
    )*};
}

/// Somebody else's object of that name is there, and then it is not.
const GOING: Instead = Says("an earlier one of that name is still being deleted");
pub(super) const WRITTEN: Instead = Heals("it was written, and the watch says so");
const GONE: Instead =
    Passes("it says that the resource is gone or another one, which the watch, whose own faults are told, does too");
/// A leader does not wait for an answer until it is none any more.
const LATE: Instead = Says("update leases.coordination.k8s.io: no answer in time");

rows! {
    creating_children: |method, path| method == "POST" && path.ends_with("/deployments"),
        "create deployments.apps", Meanwhile, [(Refused(409, "Conflict"), GOING), (Truncated, WRITTEN), (CutShort, WRITTEN)];
    reading_children: |method, path| method == "GET" && path.contains("/deployments/"),
        "get deployments.apps", Meanwhile, [(Refused(404, "NotFound"), GOING)];
    changing_children: |method, path| method == "PATCH" && path.contains("/deployments/"),
        "patch deployments.apps", Meanwhile, [];
    writing_statuses: |method, path| method == "PATCH" && path.ends_with("/status"),
        "patch runtimeservices.sedna.io/status", Meanwhile,
        [(Refused(404, "NotFound"), GONE), (Refused(409, "Conflict"), GONE)];
    watching_children: |method, path| method == "GET" && path.ends_with("/deployments"),
        "watch deployments.apps", Meanwhile, [];
    watching_resources: |method, path| method == "GET" && path.ends_with("/runtimeservices"),
        "watch runtimeservices.sedna.io", Meanwhile, [];
    watching_nodes: |method, path| method == "GET" && path.ends_with("/nodes"),
        "watch nodes", Meanwhile, STILL;
    keeping_the_lease: |method, path| method == "PUT" && path.ends_with("/leases/dayu-gm"),
        "update leases.coordination.k8s.io", Meanwhile,
        [(Busy(429, 7), LATE), (Busy(503, 7), LATE), (Busy(429, 45), LATE), (Silent, LATE)];
    asking_anything: |_, _| true,
        "watch deployments.apps", Afterwards, [(Slow, LATE)];
}

/// What it cannot do without is told by the cause, the server's words, and the right that is missing.
async fn begins(which: Which, what: &str, told: Telling) {
    for fault in ALL {
        let (case, faults) = (format!("{what}: {fault:?}"), Faults::default());
        faults.begin(which, fault);
        let mut manager = Manager::start(faults).await;
        sleep(LASTS).await;
        let right = matches!(fault, Refused(403, _)).then(|| "the right to get, create, patch and watch it".to_owned());
        let words: Vec<_> = match fault {
            Slow => Vec::new(),
            // Half of a refusal is told as it came.
            CutShort if told == Afterwards => vec![what.to_owned()],
            _ => right.into_iter().chain([what.to_owned(), fault.words()]).collect(),
        };
        let news = News::all(manager.client.clone());
        if told == Meanwhile {
            tells(&case, &news.told().await, &words);
        }
        does_not_spin(&case, &manager.faults.end());
        let leads = timeout(PATIENCE, manager.handle.ready()).await;
        assert!(leads.is_ok_and(|addresses| addresses.is_some()), "{case}: it does not lead");
        sleep(FORGOTTEN).await;
        tells(&case, &news.told().await, &words);
    }
}

#[tokio::test(start_paused = true)]
async fn installing_definitions() {
    begins(|_, path| path.contains("/customresourcedefinitions"), "start: definition ", Meanwhile).await;
}

/// Events of the Lease are in it as well.
#[tokio::test(start_paused = true)]
async fn making_the_namespace() {
    begins(
        |_, path| matches!(path, "/api/v1/namespaces" | "/api/v1/namespaces/dayu-system"),
        "start: namespace dayu-system: ",
        Afterwards,
    )
    .await;
}
