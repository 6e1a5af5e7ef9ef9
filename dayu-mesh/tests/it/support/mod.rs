//! A site of devices: an embedded API, meshes, workers, each test on addresses of its own.
pub(crate) mod client;
pub(crate) mod worker;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use dayu_cluster::Cluster;
use dayu_mesh::{Handle, Options, run_with};
use k8s_openapi::api::{
    core::v1::{Node, Service},
    discovery::v1::EndpointSlice,
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) const NAMESPACE: &str = "default";
/// Nothing that is waited for takes longer, on a busy machine with a debug build.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Each test has a network of its own, so that tests can run at once.
static NETWORKS: AtomicU8 = AtomicU8::new(0);

pub(crate) struct Site {
    pub(crate) client: Client,
    network: u8,
    stop: CancellationToken,
    _stop: DropGuard,
}

/// An endpoint as a slice tells it.
#[derive(Clone, Debug)]
pub(crate) struct At<'a> {
    pub(crate) device: &'a str,
    pub(crate) pod: &'a str,
    pub(crate) address: IpAddr,
    pub(crate) ready: bool,
}

impl Site {
    pub(crate) async fn new() -> Self {
        let network = NETWORKS.fetch_add(1, Ordering::Relaxed);
        let cidr = format!("127.{}.0.0/24", 190 + network);
        let cluster = Cluster::builder().service_cidr(cidr).build().await.unwrap();
        let stop = CancellationToken::new();
        Self { client: cluster.client(), network, stop: stop.clone(), _stop: stop.drop_guard() }
    }

    /// Cancelled with this.
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.stop.child_token()
    }

    /// The address of the device of that number.
    pub(crate) fn address(&self, device: u8) -> IpAddr {
        Ipv4Addr::new(127, 128 + self.network, device, 1).into()
    }

    /// The address of a pod on the device of that number.
    pub(crate) fn pod(&self, device: u8, pod: u8) -> IpAddr {
        Ipv4Addr::new(127, 128 + self.network, device, 1 + pod).into()
    }

    /// A network for addresses that stand for names.
    pub(crate) fn names(&self) -> String {
        format!("127.{}.0.0/16", 30 + self.network)
    }

    /// Registers a device and gives it the address of that number.
    pub(crate) async fn device(&self, name: &str, number: u8) {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let node = parse(json!({"metadata": {"name": name}}));
        nodes.create(&PostParams::default(), &node).await.unwrap();
        let status = json!({"status": {
            "addresses": [{"type": "InternalIP", "address": self.address(number)}],
            "conditions": [{"type": "Ready", "status": "True"}],
        }});
        nodes.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    }

    /// Starts the mesh of a device and waits until it is ready.
    pub(crate) async fn mesh(&self, device: &str) -> Handle {
        self.mesh_with(Options::of(device)).await
    }

    /// The same, told what is not at its default.
    pub(crate) async fn mesh_with(&self, options: Options) -> Handle {
        let mut handle = run_with(self.client.clone(), options, self.stopping());
        handle.ready().await.expect("the mesh ended");
        handle
    }

    /// Creates a NodePort Service with one port.
    pub(crate) async fn service(&self, name: &str, port: u16, node_port: u16) -> Service {
        let spec = json!({"type": "NodePort", "ports": [{"name": "http", "port": port, "targetPort": port, "nodePort": node_port}]});
        self.create(json!({"metadata": {"name": name}, "spec": spec})).await
    }

    /// Creates an object.
    pub(crate) async fn create<K>(&self, object: Value) -> K
    where
        K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + serde::Serialize
            + serde::de::DeserializeOwned,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), NAMESPACE);
        api.create(&PostParams::default(), &parse(object)).await.unwrap()
    }

    pub(crate) async fn delete_service(&self, name: &str) {
        let services: Api<Service> = Api::namespaced(self.client.clone(), NAMESPACE);
        services.delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Says where a Service's endpoints are; replaces what was said before.
    pub(crate) async fn endpoints(&self, service: &Service, port: u16, at: &[At<'_>]) {
        let slices: Api<EndpointSlice> = Api::namespaced(self.client.clone(), NAMESPACE);
        let name = service.name_any();
        let slice = json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": format!("{name}-1"), "labels": labels(service)},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
            "endpoints": at.iter().map(endpoint).collect::<Vec<_>>(),
        });
        let found = slices.get_opt(&format!("{name}-1")).await.unwrap();
        match found {
            None => drop(slices.create(&PostParams::default(), &parse(slice)).await.unwrap()),
            Some(_) => {
                drop(slices.patch(&format!("{name}-1"), &PatchParams::default(), &Patch::Merge(slice)).await.unwrap());
            }
        }
    }

    /// Where a node port of the device of that number is.
    pub(crate) fn node_port(&self, device: u8, port: u16) -> SocketAddr {
        SocketAddr::new(self.address(device), port)
    }
}

/// The labels that Kubernetes gives a slice: those of its Service and whose it is.
fn labels(service: &Service) -> Value {
    let mut labels = service.labels().clone();
    labels.insert("kubernetes.io/service-name".to_owned(), service.name_any());
    json!(labels)
}

fn endpoint(at: &At<'_>) -> Value {
    json!({
        "addresses": [at.address],
        "nodeName": at.device,
        "targetRef": {"kind": "Pod", "name": at.pod, "namespace": NAMESPACE, "uid": format!("uid-{}", at.pod)},
        "conditions": {"ready": at.ready, "serving": at.ready, "terminating": false},
    })
}

fn parse<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// Asks a status API again whenever its stream tells of a change, until the answer passes `check`.
pub(crate) async fn until(status: SocketAddr, path: &str, check: impl Fn(&Value) -> bool) {
    let waiting = async {
        let mut events = client::Events::open(status, "/v1/watch").await;
        loop {
            if check(&client::get(status, path).await.unwrap().json()) {
                return;
            }
            events.next().await.expect("the stream ended");
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it never came to pass");
}

/// How long the fastest of ten takes: what is waited for each time, however busy the machine is.
pub(crate) async fn fastest_of_ten(mut once: impl AsyncFnMut()) -> Duration {
    let mut fastest = Duration::MAX;
    for _ in 0..10 {
        let began = Instant::now();
        once().await;
        fastest = fastest.min(began.elapsed());
    }
    fastest
}
