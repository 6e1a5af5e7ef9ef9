//! Large bodies and many connections through a mesh in a process of its own.
use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use k8s_openapi::api::{
    core::v1::{Node, Service},
    discovery::v1::EndpointSlice,
};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use rustix::process::Signal;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;

use crate::harness::{Dayu, LIMIT, Plane, eventually};

const DEVICE: &str = "edge1";
const PORT: u16 = 9041;
const NODE_PORT: u16 = 30941;
/// Each way, by each of two addresses: a gigabyte in all.
const LARGE: usize = 256 * 1024 * 1024;
const SMALL: usize = 4 * 1024 * 1024;
/// So much more memory a mesh may take for them, in KiB.
const MOST: u64 = 8 * 1024;

/// Reads a body, then answers with one of the same size; one connection for each.
async fn serve(listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let (mut stream, mut size) = (BufReader::new(stream), 0);
            for line in 0.. {
                let mut text = String::new();
                stream.read_line(&mut text).await?;
                match text.to_ascii_lowercase().trim().strip_prefix("content-length: ") {
                    Some(length) => size = length.parse().unwrap_or_default(),
                    None if text.trim().is_empty() && line > 0 => break,
                    None => {}
                }
            }
            tokio::io::copy(&mut (&mut stream).take(size), &mut tokio::io::sink()).await?;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\nconnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            tokio::io::copy(&mut tokio::io::repeat(7).take(size), stream.get_mut()).await
        });
    }
}

/// Sends a body of `size` for `target`, and counts what comes back.
async fn exchange(to: SocketAddr, target: &str, size: usize) -> io::Result<u64> {
    let mut stream = TcpStream::connect(to).await?;
    let head = format!("POST {target} HTTP/1.1\r\nhost: large\r\ncontent-length: {size}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    tokio::io::copy(&mut tokio::io::repeat(7).take(size as u64), &mut stream).await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
}

/// A Service on a device with this address, told to the plane as its controllers would.
async fn tell(plane: &Plane, own: IpAddr, worker: SocketAddr) {
    let at_once = PostParams::default();
    let nodes = Api::<Node>::all(plane.client.clone());
    let node = json!({"metadata": {"name": DEVICE}});
    nodes.create(&at_once, &serde_json::from_value(node).unwrap()).await.unwrap();
    let status = json!({"status": {"addresses": [{"type": "InternalIP", "address": own}]}});
    nodes.patch_status(DEVICE, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    let ports = json!([{"port": PORT, "nodePort": NODE_PORT}]);
    let service = json!({"metadata": {"name": "large"}, "spec": {"type": "NodePort", "ports": ports}});
    let services = Api::<Service>::default_namespaced(plane.client.clone());
    services.create(&at_once, &serde_json::from_value(service).unwrap()).await.unwrap();
    let slice = json!({
        "metadata": {"name": "large-1", "labels": {"kubernetes.io/service-name": "large"}},
        "addressType": "IPv4", "ports": [{"name": "", "port": worker.port()}],
        "endpoints": [{"addresses": [worker.ip()], "nodeName": DEVICE, "conditions": {"ready": true}}],
    });
    let slices = Api::<EndpointSlice>::default_namespaced(plane.client.clone());
    slices.create(&at_once, &serde_json::from_value(slice).unwrap()).await.unwrap();
}

/// A mesh of a device with a worker.
struct Carrying {
    mesh: Dayu,
    own: IpAddr,
    _plane: Plane,
    _worker: AbortOnDropHandle<()>,
}

impl Carrying {
    /// On a device of that number among those of this process.
    async fn start(number: u8) -> Self {
        let plane = Plane::start().await;
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let own = IpAddr::from(Ipv4Addr::new(127, 78 + number, high, low.clamp(1, 254)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        tell(&plane, own, listener.local_addr().unwrap()).await;
        let worker = AbortOnDropHandle::new(tokio::spawn(serve(listener)));
        let mesh = Dayu::start(&["mesh", "--kubeconfig", &plane.kubeconfig(), "--node", DEVICE]);
        let carrying = Self { mesh, own, _plane: plane, _worker: worker };
        carrying.serves().await;
        carrying
    }

    /// Waits until requests are answered by either way.
    async fn serves(&self) {
        let answered = eventually("the mesh serves", async || {
            for (to, target) in self.ways() {
                let came = exchange(to, target, 16).await.map_err(|error| error.to_string())?;
                if came <= 16 {
                    return Err(format!("{came} bytes by {to}"));
                }
            }
            Ok(())
        });
        answered.await;
    }

    fn node_port(&self) -> SocketAddr {
        SocketAddr::new(self.own, NODE_PORT)
    }

    /// The node port and the HTTP front, and what is asked for there.
    fn ways(&self) -> [(SocketAddr, &'static str); 2] {
        [(self.node_port(), "/"), (SocketAddr::new(self.own, 10552), "http://edge1.large.default.svc:9041/")]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_carried_is_not_held_and_not_logged() {
    let carrying = Carrying::start(1).await;
    let head = "HTTP/1.1 200 OK\r\ncontent-length: \r\nconnection: close\r\n\r\n".len() as u64;
    let both = async |size: usize| {
        for (to, target) in carrying.ways() {
            let came = exchange(to, target, size).await.unwrap();
            assert!(came > size as u64 + head && came < size as u64 + 1024, "{came} of {size} by {to}");
        }
    };
    both(SMALL).await;
    let before = carrying.mesh.most_memory();
    both(LARGE).await;
    let more = carrying.mesh.most_memory() - before;
    assert!(more < MOST, "{more} KiB for bodies of {} KiB", LARGE / 1024);
    for _ in 0..250 {
        both(16).await;
    }
    carrying.mesh.signal(Signal::TERM);
    let ended = carrying.mesh.ends(LIMIT + Duration::from_secs(5)).await;
    assert_eq!((ended.code, &*ended.err), (Some(0), ""));
}

/// Far fewer than it counted on as it started, so that its own bound does not keep it from running out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mesh_that_runs_out_of_files_refuses_and_is_there_again_once_it_has_some() {
    let carrying = Carrying::start(2).await;
    carrying.mesh.may_open_no_more_than(20);
    let mut clients = Vec::new();
    let mut refused = 0;
    for _ in 0..60 {
        let waits = async |client: &TcpStream| timeout(Duration::from_millis(50), client.peek(&mut [0])).await.is_err();
        match TcpStream::connect(carrying.node_port()).await {
            Ok(client) if waits(&client).await => clients.push(client),
            // The reset may come before the connection looks as if it stood.
            _ => refused += 1,
        }
    }
    assert!(refused > 30 && !clients.is_empty(), "{refused} of 60 were refused, {} are held", clients.len());
    drop(clients);
    carrying.serves().await;
}
