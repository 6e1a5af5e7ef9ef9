//! A cluster with two devices and a global manager: the embedded one, or Kubernetes.
use std::{fmt::Debug, pin::Pin, time::Duration};

use dayu_cluster::{Cluster, Controllers, Environment, System};
use dayu_core::{
    api::{JointMultiEdgeService, RuntimeService},
    link::{ActivationRequest, Operation},
};
use dayu_gm::{Addresses, Handle, Options, run_with};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    config::Kubeconfig,
};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use xtask::kube::{Assets, ControlPlane, Seat, Settings};

use super::{device::Link, kinds::Kind};

const DEVICES: [&str; 2] = ["edge1", "edge2"];
const MANIFESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/dayu.yaml");

/// Nothing that is waited for takes longer, on a busy machine with a debug build.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// What a scenario is.
pub(super) type Scenario = for<'a> fn(&'a mut Site) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Tests of that name, each a scenario that must go alike on the embedded API and on Kubernetes.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod embedded { $(
            #[tokio::test]
            async fn $name() {
                $crate::site::on_embedded(|site| Box::pin(super::$name(site))).await;
            }
        )* }
        mod on_kubernetes { $(
            #[tokio::test]
            async fn $name() {
                $crate::site::on_kubernetes(stringify!($name), |site| Box::pin(super::$name(site))).await;
            }
        )* }
    };
}
pub(super) use on_both;

/// The same for what only Kubernetes does.
macro_rules! on_kubernetes_only {
    ($($name:ident),* $(,)?) => { mod on_kubernetes { $(
        #[tokio::test]
        async fn $name() {
            $crate::site::on_kubernetes(stringify!($name), |site| Box::pin(super::$name(site))).await;
        }
    )* } };
}
pub(super) use on_kubernetes_only;

pub(super) struct Site {
    /// May do everything, as whoever looks after the cluster.
    pub(super) client: Client,
    pub(super) namespace: String,
    pub(super) addresses: Addresses,
    pub(super) cluster: Place,
    /// None while nobody leads.
    manager: Option<Manager>,
}

pub(super) enum Place {
    Embedded(#[expect(dead_code, reason = "they end with the site")] Controllers),
    Kubernetes(Box<ControlPlane>),
}

/// A global manager that a site can do without.
pub(super) struct Manager {
    handle: Handle,
    shutdown: CancellationToken,
}

impl Manager {
    pub(super) fn start(client: Client, identity: &str) -> Self {
        Self::start_with(client, identity, Options::default())
    }

    pub(super) fn start_with(client: Client, identity: &str, options: Options) -> Self {
        let shutdown = CancellationToken::new();
        let status = Some(([127, 0, 0, 1], 0).into());
        // The device is played by a test, which shows no key.
        let options = Options { link_plain: true, identity: Some(identity.into()), status, ..options };
        Self { handle: run_with(client, options, shutdown.clone()), shutdown }
    }

    pub(super) async fn ready(&mut self) -> Addresses {
        self.handle.ready().await.expect("the global manager is ready")
    }

    /// It gives its Lease back, so that the next one need not wait.
    pub(super) async fn end(self) {
        self.shutdown.cancel();
        self.handle.finished().await.unwrap();
    }
}

/// Tells the time as the runtime does: where a scenario lets an hour pass at once, it passes on the cluster, too.
struct RuntimesTime(Timestamp, Instant);

impl Default for RuntimesTime {
    fn default() -> Self {
        Self(Timestamp::now(), Instant::now())
    }
}

impl Environment for RuntimesTime {
    fn now(&self) -> Timestamp {
        self.0 + self.1.elapsed()
    }

    fn random(&self) -> u64 {
        System.random()
    }
}

pub(super) async fn on_embedded(scenario: Scenario) {
    let cluster = Cluster::builder().environment(RuntimesTime::default()).build().await.unwrap();
    let (client, controllers) = (cluster.client(), cluster.start_controllers());
    let mut site = Site::open(client, "default", Place::Embedded(controllers)).await;
    scenario(&mut site).await;
    site.depose().await;
}

/// Nobody speaks for the nodes that are played: none is lost for that.
const CALM: Settings =
    Settings { api_server: &[], controller_manager: &[("node-monitor-grace-period", "1h")], scheduler: &[] };

/// Those that no scenario is on at the moment: there will be as many as run side by side. They end with this process.
static IDLE: Mutex<Vec<ControlPlane>> = Mutex::new(Vec::new());

/// In a namespace called like the scenario. The manager has the rights that the chart gives it, and no other.
pub(super) async fn on_kubernetes(name: &str, scenario: Scenario) {
    let Some(assets) = Assets::for_tests() else { return };
    let idle = IDLE.lock().pop();
    let plane = match idle {
        Some(plane) => plane,
        None => started(&assets, CALM).await,
    };
    // One on which a scenario fails is not used again.
    let plane = on(plane, name, scenario).await;
    IDLE.lock().push(plane);
}

/// The same on one with these settings, which ends with the scenario.
pub(super) async fn on_kubernetes_with(settings: Settings, name: &str, scenario: Scenario) {
    let Some(assets) = Assets::for_tests() else { return };
    on(started(&assets, settings).await, name, scenario).await;
}

async fn started(assets: &Assets, settings: Settings) -> ControlPlane {
    ControlPlane::start_with(assets, settings).await.expect("the control plane starts")
}

async fn on(plane: ControlPlane, name: &str, scenario: Scenario) -> ControlPlane {
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = serde_json::to_value(Kubeconfig::read_from(plane.kubeconfig()).unwrap()).unwrap();
    let administrator = client(&kubeconfig).await;
    clear::<RuntimeService>(&administrator).await;
    clear::<JointMultiEdgeService>(&administrator).await;
    // So much of the scenario's name as a namespace's may be long.
    let namespace: String = name.replace('_', "-").chars().take(63).collect();
    let namespace = namespace.trim_end_matches('-');
    namespaced(&administrator, namespace).await;
    let mut site = Site::open(administrator, namespace, Place::Kubernetes(Box::new(plane))).await;
    scenario(&mut site).await;
    site.depose().await;
    let Place::Kubernetes(plane) = site.cluster else { unreachable!("on Kubernetes") };
    *plane
}

async fn client(kubeconfig: &Value) -> Client {
    let kubeconfig: Kubeconfig = serde_json::from_value(kubeconfig.clone()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// Removes what another scenario left to a manager.
async fn clear<K: Kind>(client: &Client) {
    // Before the first of them the kind is not there.
    let Ok(left) = Api::<K>::all(client.clone()).list(&ListParams::default()).await else { return };
    for service in left {
        let services = Api::<K>::namespaced(client.clone(), &service.namespace().unwrap());
        services.delete(&service.name_any(), &DeleteParams::default()).await.unwrap();
    }
}

async fn namespaced(client: &Client, name: &str) {
    let namespace = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
    let namespaces = Api::<k8s_openapi::api::core::v1::Namespace>::all(client.clone());
    namespaces.create(&PostParams::default(), &namespace).await.unwrap();
}

impl Site {
    async fn open(client: Client, namespace: &str, cluster: Place) -> Self {
        for device in DEVICES {
            register(&client, device).await;
        }
        let addresses = Addresses { link: ([127, 0, 0, 1], 0).into(), status: None };
        let mut site = Self { client, namespace: namespace.to_owned(), addresses, cluster, manager: None };
        site.hand_over(site.manager("first").await).await;
        site
    }

    /// What a manager of that name may do on Kubernetes, as the kubeconfig of its pod.
    pub(super) async fn account(&self, identity: &str) -> Value {
        let Place::Kubernetes(plane) = &self.cluster else { unreachable!("the embedded one gives all to all") };
        let seat = Seat { pod: identity, node: DEVICES[0] };
        plane.account(MANIFESTS.as_ref(), "gm", seat).await.unwrap()
    }

    /// With the rights of a manager of that name.
    pub(super) async fn restricted(&self, identity: &str) -> Client {
        match &self.cluster {
            Place::Embedded(_) => self.client.clone(),
            Place::Kubernetes(_) => client(&self.account(identity).await).await,
        }
    }

    /// Starts a manager, which leads once no other does.
    pub(super) async fn manager(&self, identity: &str) -> Manager {
        Manager::start(self.restricted(identity).await, identity)
    }

    /// The objects of a kind in the namespace of the scenario.
    pub(super) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Waits until the objects of a kind are as wished.
    pub(super) async fn until<K>(&self, wished: impl Fn(&[K]) -> bool) -> Vec<K>
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug,
    {
        let api = self.api::<K>();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let list = api.list(&ListParams::default()).await.unwrap();
            if wished(&list.items) {
                return list.items;
            }
            assert!(Instant::now() < deadline, "{} never became as wished: {:#?}", K::kind(&()), list.items);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Another manager takes over from the present one, with the same rights.
    pub(super) async fn hand_over(&mut self, to: Manager) {
        self.depose().await;
        self.addresses = self.manager.insert(to).ready().await;
    }

    /// Nobody leads any more.
    pub(super) async fn depose(&mut self) {
        if let Some(manager) = self.manager.take() {
            manager.end().await;
        }
    }

    /// Connects as the local manager of a device.
    pub(super) async fn link(&self, device: &str) -> Link {
        Link::connect(self.addresses.link, device).await
    }

    /// What the manager asks of the device next, about this scenario's resources.
    pub(super) async fn asked(&self, link: &mut Link) -> (Operation, ActivationRequest) {
        loop {
            let message = link.hear().await;
            let request: ActivationRequest = serde_json::from_slice(&message.content).unwrap();
            if request.metadata.namespace == self.namespace {
                return (message.operation, request);
            }
        }
    }

    /// The containers of a pod start, as its kubelet would tell.
    pub(super) async fn become_ready(&self, pod: &Pod, address: &str) {
        let status = json!({"status": {
            "phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "c", "ready": true, "image": "i", "imageID": "", "restartCount": 0}],
        }});
        let pods = self.api::<Pod>();
        pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    }
}

/// A device with a kubelet that says so, anew. It says so now: one that says no more than another of its name did a minute ago
/// is taken for silent, and soon not for ready.
pub(super) async fn register(client: &Client, device: &str) {
    let now = Timestamp::now();
    let nodes = Api::<Node>::all(client.clone());
    let _ = nodes.delete(device, &DeleteParams::default()).await;
    let node = json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": device},
        "status": {
            "capacity": {"pods": "100", "cpu": "8", "memory": "8Gi"},
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": now, "lastHeartbeatTime": now}],
        },
    });
    let node: Node = serde_json::from_value(node).unwrap();
    nodes.create(&PostParams::default(), &node).await.unwrap();
    let status = Patch::Merge(json!({"status": node.status}));
    nodes.patch_status(device, &PatchParams::default(), &status).await.unwrap();
}

pub(super) fn runtime_service(name: &str, device: &str, port: u16) -> RuntimeService {
    serde_json::from_value(json!({
        "apiVersion": "sedna.io/v1alpha1", "kind": "RuntimeService", "metadata": {"name": name},
        "spec": {
            "installID": "i", "deploymentRevision": 1, "component": "processor", "targetNode": device, "endpoint": {"port": 9000},
            "podTemplate": {"spec": {"containers": [{"name": "c", "image": "i:1", "ports": [{"containerPort": port}]}]}},
        },
    }))
    .unwrap()
}

/// Status and reason of a condition.
pub(super) fn condition(status: &impl serde::Serialize, kind: &str) -> (String, String) {
    let value = serde_json::to_value(status).unwrap();
    let all = value["conditions"].as_array().cloned().unwrap_or_default();
    let found = all.iter().find(|condition| condition["type"] == kind).cloned().unwrap_or_default();
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"))
}
