//! A request lands on the device it names, or is refused at once: never elsewhere, never hanging.
use std::{io, net::SocketAddr, time::Duration};

use dayu_mesh::Handle;
use tokio::{io::AsyncReadExt, net::TcpStream};
use tokio_util::task::AbortOnDropHandle;

use crate::support::{
    At, Site,
    client::get,
    fastest_of_ten,
    worker::{self, Seen},
};

const PORT: u16 = 9001;
const NODE_PORT: u16 = 30901;

/// Devices `edge1` and `edge2`, each with its mesh and `pods` workers of Service `det`.
pub(crate) struct Pair {
    pub(crate) site: Site,
    pub(crate) service: k8s_openapi::api::core::v1::Service,
    pub(crate) meshes: Vec<Handle>,
    pub(crate) workers: Vec<AbortOnDropHandle<()>>,
}

impl Pair {
    pub(crate) async fn new(pods: u8) -> Self {
        let site = Site::new().await;
        let mut workers = Vec::new();
        for device in [1, 2] {
            site.device(&format!("edge{device}"), device).await;
            for pod in 1..=pods {
                let address = SocketAddr::new(site.pod(device, pod), PORT);
                workers.push(worker::start(&format!("det-{device}-{pod}"), address).await);
            }
        }
        let service = site.service("det", PORT, NODE_PORT).await;
        let pair = Self { meshes: vec![], service, workers, site };
        pair.ready(pods, &[1, 2]).await;
        let meshes = vec![pair.site.mesh("edge1").await, pair.site.mesh("edge2").await];
        Self { meshes, ..pair }
    }

    /// Says that the workers of exactly `devices` are ready.
    pub(crate) async fn ready(&self, pods: u8, devices: &[u8]) {
        let names: Vec<_> = [1, 2].into_iter().flat_map(|device| (1..=pods).map(move |pod| (device, pod))).collect();
        let texts: Vec<_> =
            names.iter().map(|(device, pod)| (format!("edge{device}"), format!("det-{device}-{pod}"))).collect();
        let at: Vec<_> = std::iter::zip(&names, &texts)
            .map(|((device, pod), (name, text))| At {
                device: name,
                pod: text,
                address: self.site.pod(*device, *pod),
                ready: devices.contains(device),
            })
            .collect();
        self.site.endpoints(&self.service, PORT, &at).await;
    }

    /// Waits until `mesh` knows so many ready endpoints on `device`.
    pub(crate) async fn until(&self, mesh: u8, check: impl Fn(&serde_json::Value) -> bool) {
        let address = SocketAddr::new(self.site.address(mesh), 10551);
        crate::support::until(address, "/v1/services", check).await;
    }
}

#[tokio::test]
async fn a_node_port_means_its_device() {
    let pair = Pair::new(2).await;
    for device in [1u8, 2] {
        let mut landed = std::collections::BTreeMap::new();
        for _ in 0..40 {
            let answer = get(pair.site.node_port(device, NODE_PORT), "/frame").await.unwrap();
            *landed.entry(answer.json::<Seen>().worker).or_insert(0) += 1;
        }
        assert_eq!(landed.len(), 2, "both replicas serve: {landed:?}");
        assert!(landed.keys().all(|worker| worker.starts_with(&format!("det-{device}-"))), "{landed:?}");
    }
}

#[tokio::test]
async fn nothing_ready_on_the_device_is_a_reset_at_once() {
    let pair = Pair::new(1).await;
    pair.ready(1, &[2]).await;
    pair.until(1, |services| ready_on(services, "edge1") == 0).await;
    let fastest = fastest_of_ten(async || {
        let mut stream = TcpStream::connect(pair.site.node_port(1, NODE_PORT)).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    });
    let fastest = fastest.await;
    assert!(fastest < Duration::from_millis(50), "{fastest:?}");
    assert!(get(pair.site.node_port(2, NODE_PORT), "/").await.is_ok(), "the other device still serves its own");
}

#[tokio::test]
async fn a_dead_endpoint_is_stepped_over() {
    let mut pair = Pair::new(2).await;
    drop(pair.workers.remove(0));
    tokio::task::yield_now().await;
    for _ in 0..20 {
        let answer = get(pair.site.node_port(1, NODE_PORT), "/").await.unwrap();
        assert_eq!(answer.json::<Seen>().worker, "det-1-2");
    }
}

/// How many ready endpoints `/v1/services` tells of on a device.
pub(crate) fn ready_on(services: &serde_json::Value, device: &str) -> usize {
    let endpoints = services.pointer("/services/0/ports/0/endpoints").and_then(|all| all.as_array());
    let ready = endpoints.into_iter().flatten().filter(|one| one["device"] == device && one["ready"] == true);
    ready.count()
}
