//! Faults between the API and a mesh, which changes no object: the local manager beside it, whose way is free, tells of them.
use std::{
    net::{IpAddr, SocketAddr, TcpStream},
    time::Duration,
};

use dayu_cluster::Cluster;
use dayu_mesh::{Handle, Options, run_with};
use k8s_openapi::api::core::v1::{Node, Service};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Faults, LASTS, News, Row, STILL, Scene, Telling, befall, layer::Fault, parse, tells};

/// The mesh of a device, which has an address of its own.
struct Mesh {
    client: Client,
    faults: Faults,
    device: IpAddr,
    _mesh: Handle,
    _manager: dayu_lm::Handle,
    _data: TempDir,
    _stop: DropGuard,
}

impl Mesh {
    async fn start(network: u8) -> Self {
        let cluster = Cluster::builder().service_cidr(format!("127.{}.0.0/24", network + 1)).build().await.unwrap();
        let client = cluster.client();
        let device = IpAddr::from([127, network, 1, 1]);
        let nodes = Api::<Node>::all(client.clone());
        nodes.create(&PostParams::default(), &parse(json!({"metadata": {"name": "edge1"}}))).await.unwrap();
        let status = json!({"status": {
            "addresses": [{"type": "InternalIP", "address": device}], "conditions": [{"type": "Ready", "status": "True"}],
        }});
        nodes.patch_status("edge1", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
        let (faults, stop, data) = (Faults::default(), CancellationToken::new(), tempfile::tempdir().unwrap());
        let beside = dayu_lm::Options { data: Some(data.path().to_owned()), ..dayu_lm::Options::of("edge1") };
        let manager = dayu_lm::run_with(client.clone(), beside, stop.clone());
        let mut mesh = run_with(faults.client(&cluster), Options::of("edge1"), stop.clone());
        mesh.ready().await.expect("it serves");
        Self { client, faults, device, _mesh: mesh, _manager: manager, _data: data, _stop: stop.drop_guard() }
    }
}

fn node_port(number: usize) -> u16 {
    31_000 + u16::try_from(number).unwrap()
}

impl Scene for Mesh {
    async fn act(&mut self, number: usize) {
        let port = json!({"name": "http", "port": 9000, "nodePort": node_port(number)});
        let service =
            json!({"metadata": {"name": format!("det-{number}")}, "spec": {"type": "NodePort", "ports": [port]}});
        let services = Api::<Service>::default_namespaced(self.client.clone());
        services.create(&PostParams::default(), &parse(service)).await.unwrap();
    }

    /// Someone listens on the Service's port.
    async fn is_in_order(&mut self, number: usize) -> bool {
        let address = SocketAddr::new(self.device, node_port(number));
        TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
    }

    /// It changes no object.
    async fn told(&mut self, _: usize) -> String {
        String::new()
    }

    fn client(&self) -> Client {
        self.client.clone()
    }
}

macro_rules! rows {
    ($($test:ident: $network:literal, $right:literal, $which:expr, $but:expr;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $test() {
            let mut mesh = Mesh::start($network).await;
            let (right, told) = ($right, Telling::Meanwhile);
            let row = Row { what: stringify!($test), which: $which, right, told, but: &$but };
            let faults = mesh.faults.clone();
            befall(&mut mesh, &faults, &row).await;
        }
    )*};
}

rows! {
    watching_services: 140, "watch services", |_, path| path.ends_with("/services"), [];
    watching_endpoints: 143, "watch endpointslices.discovery.k8s.io", |_, path| path.ends_with("/endpointslices"), STILL;
    watching_nodes: 145, "watch nodes", |_, path| path.ends_with("/nodes"), STILL;
    asking_anything: 142, "watch services", |_, _| true, [];
}

/// Without any right, and so without knowing its own device, it says so where it is told to serve its status.
#[tokio::test(start_paused = true)]
async fn starting_without_any_right() {
    let cluster = Cluster::builder().pod_cidr("127.144.0.0/16".to_owned()).build().await.unwrap();
    let _controllers = cluster.start_controllers();
    let (client, stop, data) = (cluster.client(), CancellationToken::new(), tempfile::tempdir().unwrap());
    let _ends = stop.clone().drop_guard();
    let beside = dayu_lm::Options { data: Some(data.path().to_owned()), ..dayu_lm::Options::of("edge1") };
    let mut manager = dayu_lm::run_with(client.clone(), beside, stop.clone());
    let device = manager.ready().await.expect("it is registered").device;
    let faults = Faults::default();
    let fault = Fault::Refused(403, "Forbidden");
    faults.begin(|_, _| true, fault);
    let status = Some(SocketAddr::new(device, 10551));
    let _mesh = run_with(faults.client(&cluster), Options { status, ..Options::of("edge1") }, stop);
    tokio::time::sleep(LASTS).await;
    let words = ["services", "nodes", "endpointslices.discovery.k8s.io"].map(|kind| format!("may not list {kind}"));
    let told = News::all(client).told().await;
    tells("no right at all", &told, &words);
    tells("no right at all", &told, &[fault.words()]);
}
