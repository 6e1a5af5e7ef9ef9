//! Faults between the API and a mesh.
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
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Faults, Row, Scene, befall, parse};

/// The mesh of a device, which has an address of its own.
struct Mesh {
    client: Client,
    faults: Faults,
    device: IpAddr,
    _mesh: Handle,
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
        let (faults, stop) = (Faults::default(), CancellationToken::new());
        let mut mesh = run_with(faults.client(&cluster), Options::of("edge1"), stop.clone());
        mesh.ready().await.expect("it serves");
        Self { client, faults, device, _mesh: mesh, _stop: stop.drop_guard() }
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

    /// It changes no object, so it tells nobody.
    async fn told(&mut self, number: usize) -> String {
        format!("a mesh's listener on port {}", node_port(number))
    }
}

#[tokio::test(start_paused = true)]
async fn watching_services() {
    let mut mesh = Mesh::start(140).await;
    let row = Row { what: "watching services", which: |_, path| path.ends_with("/services"), told: None };
    let faults = mesh.faults.clone();
    befall(&mut mesh, &faults, &row).await;
}

#[tokio::test(start_paused = true)]
async fn asking_anything() {
    let mut mesh = Mesh::start(142).await;
    let row = Row { what: "asking anything", which: |_, _| true, told: None };
    let faults = mesh.faults.clone();
    befall(&mut mesh, &faults, &row).await;
}
