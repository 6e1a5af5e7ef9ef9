//! The link from end to end: the global manager's server, a device's client, and a mesh that a test plays.
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use dayu_cluster::Cluster;
use dayu_core::{
    connect::Identity,
    daemon::Plight,
    link::{ActivationAck, ActivationRequest, Message, Operation},
    name::Device,
};
use dayu_gm::link::{Admission, Hub, Upstream, listen};
use dayu_lm::link::LinkOptions;
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Namespace};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::{broadcast, mpsc},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(30);

/// The global manager's end.
struct Manager {
    hub: Hub,
    upstream: mpsc::Receiver<Upstream>,
    address: SocketAddr,
    identity: Identity,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Manager {
    /// Starts one, and says so in its Lease.
    async fn start(client: &Client, incarnation: u64) -> Self {
        let (said, upstream) = mpsc::channel(64);
        let (hub, identity) = (Hub::new(said, incarnation), Identity::generate().unwrap());
        let listening = listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let admission = Admission::new(client.clone(), &identity, false).unwrap();
        let (address, shutdown) = (listening.address, CancellationToken::new());
        let task = tokio::spawn(listening.serve(hub.clone(), admission, shutdown.clone()));
        let manager = Self { hub, upstream, address, identity, shutdown, task };
        manager.announce(client).await;
        manager
    }

    async fn announce(&self, client: &Client) {
        let said = json!({
            "dayu.io/link-address": self.address.to_string(),
            "dayu.io/link-key": self.identity.fingerprint().to_string(),
        });
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "dayu-gm", "annotations": said},
        });
        let leases = Api::<Lease>::namespaced(client.clone(), "dayu-system");
        leases.patch("dayu-gm", &PatchParams::apply("test").force(), &Patch::Apply(lease)).await.unwrap();
    }

    async fn said(&mut self) -> Message {
        loop {
            match timeout(PATIENCE, self.upstream.recv()).await.expect("a message in time").unwrap() {
                Upstream::Said(_, message) => return message,
                Upstream::Connected(_) | Upstream::Disconnected(_) => {}
            }
        }
    }

    /// Asks about a route that the mesh applies then, and gives what was acknowledged before that was.
    async fn ask_and_apply(&mut self, mesh: &Mesh, number: usize) -> Vec<String> {
        self.hub.send(&"edge1".into(), request(number));
        mesh.applied(number);
        let mut before = Vec::new();
        loop {
            let name = self.said().await.name;
            if name == format!("w{number}") {
                return before;
            }
            before.push(name);
        }
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}

/// What ends the streams of a mesh.
const DIES: &str = "dies";

/// A mesh that says on `/v1/watch` what the test tells it, to everyone who asks.
struct Mesh {
    address: SocketAddr,
    events: broadcast::Sender<String>,
}

impl Mesh {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (events, _) = broadcast::channel::<String>(64);
        let source = events.clone();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut events = source.subscribe();
                tokio::spawn(async move {
                    let mut head = [0; 1024];
                    let length = socket.read(&mut head).await.unwrap();
                    assert!(head[..length].starts_with(b"GET /v1/watch?device=edge1 "));
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: hello\n\n";
                    socket.write_all(answer).await.unwrap();
                    while let Ok(event) = events.recv().await {
                        if event == DIES || socket.write_all(event.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, events }
    }

    /// Until the local manager listens.
    async fn heard(&self) {
        let listens = async {
            while self.events.receiver_count() == 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, listens).await.expect("the local manager follows the mesh");
    }

    /// Another one is there at once, and says nothing of itself.
    async fn die(&self) {
        self.events.send(DIES.to_owned()).unwrap();
        let dead = async {
            while self.events.receiver_count() > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, dead).await.expect("the streams end");
        self.heard().await;
    }

    fn applied(&self, number: usize) {
        let route = json!({
            "serviceUID": format!("s{number}"), "runtimeServiceUID": format!("u{number}"), "deploymentRevision": 1,
            "serviceResourceVersion": "1", "endpointsResourceVersion": "2", "runtimeID": format!("w{number}"),
            "state": "APPLIED", "localSequence": number + 1, "sourceState": "SYNCED", "targetNode": "edge1",
            "endpointPodUID": format!("p{number}"), "observedAt": "2026-01-02T03:04:05.5Z",
        });
        self.events.send(format!("event: route\ndata: {route}\n\n")).unwrap();
    }
}

fn request(number: usize) -> Message {
    let request: ActivationRequest = serde_json::from_value(json!({
        "kind": "RuntimeService", "apiVersion": "sedna.io/v1alpha1",
        "metadata": {"name": format!("w{number}"), "namespace": "ns"},
        "runtimeServiceUID": format!("u{number}"), "serviceUID": format!("s{number}"),
        "endpointPodUID": format!("p{number}"), "deploymentRevision": 1, "runtimeID": format!("w{number}"),
        "targetNode": "edge1",
    }))
    .unwrap();
    request.message(Operation::Insert).unwrap()
}

fn report(name: &str) -> Message {
    Message::new("ns", "jointmultiedgeservice", name, Operation::Status, b"{}".as_slice())
}

/// The device's end.
struct Device1 {
    reports: mpsc::Sender<Message>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

fn device(client: &Client, mesh: SocketAddr, outbox: &Path) -> Device1 {
    let (reports, reported) = mpsc::channel(64);
    let shutdown = CancellationToken::new();
    let options = LinkOptions {
        device: Device::from("edge1"),
        manager: None,
        plain: false,
        mesh,
        outbox: outbox.to_owned(),
        metrics: Default::default(),
        plight: Arc::new(Plight::new().0),
    };
    let task = tokio::spawn(dayu_lm::link::run(client.clone(), options, reported, shutdown.clone()));
    Device1 { reports, shutdown, task }
}

/// An API with the layer's namespace.
async fn api() -> Client {
    let client = Cluster::builder().build().await.unwrap().client();
    let namespace = serde_json::from_value(json!({"metadata": {"name": "dayu-system"}})).unwrap();
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    client
}

/// Until the device has put a report of that name where it survives.
async fn stored(outbox: &Path, name: &str) {
    let name = format!("\"{name}\"");
    let stored = async {
        while !std::fs::read_to_string(outbox).is_ok_and(|text| text.contains(&name)) {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, stored).await.expect("stored without any connection");
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let outbox = folder.path().join("outbox");
    (folder, outbox)
}

#[tokio::test]
async fn an_applied_route_is_acknowledged_without_a_timer() {
    let (_folder, outbox) = folder();
    let (client, mesh) = (api().await, Mesh::start().await);
    let mut manager = Manager::start(&client, 1).await;
    let edge = device(&client, mesh.address, &outbox);
    mesh.heard().await;
    let mut fastest = Duration::MAX;
    for number in 0..20 {
        manager.hub.send(&"edge1".into(), request(number));
        let start = Instant::now();
        mesh.applied(number);
        let message = manager.said().await;
        fastest = fastest.min(start.elapsed());
        let ack = ActivationAck::read(&message, &"edge1".into()).unwrap();
        assert_eq!((ack.runtime_id, ack.local_sequence), (format!("w{number}"), number as u64 + 1));
    }
    // The fastest of many shows what is waited for, however busy the machine is: nothing.
    assert!(fastest < Duration::from_millis(20), "{fastest:?}");
    // Asked again, it is answered again; what is not applied is not.
    manager.hub.send(&"edge1".into(), request(30));
    manager.hub.send(&"edge1".into(), request(3));
    assert_eq!(manager.said().await.name, "w3");
    edge.shutdown.cancel();
    edge.task.await.unwrap();
    manager.stop().await;
}

#[tokio::test]
async fn what_is_said_while_the_manager_is_away_reaches_the_next_one_once() {
    let (_folder, outbox) = folder();
    let (client, mesh) = (api().await, Mesh::start().await);
    let mut first = Manager::start(&client, 1).await;
    let edge = device(&client, mesh.address, &outbox);
    edge.reports.send(report("before")).await.unwrap();
    assert_eq!(first.said().await.name, "before");
    first.stop().await;

    // More than any queue between the parts holds, the same few objects over and over.
    for round in 0..399 {
        edge.reports.send(report(&format!("r{}", round % 3))).await.unwrap();
    }
    edge.reports.send(report("last")).await.unwrap();
    stored(&outbox, "last").await;
    let mut second = Manager::start(&client, 2).await;
    for newest in ["r0", "r1", "r2", "last"] {
        assert_eq!(second.said().await.name, newest);
    }
    edge.reports.send(report("after")).await.unwrap();
    assert_eq!(second.said().await.name, "after");
    edge.shutdown.cancel();
    edge.task.await.unwrap();
}

#[tokio::test]
async fn what_was_said_before_a_restart_of_the_device_is_not_lost() {
    let (_folder, outbox) = folder();
    let (client, mesh) = (api().await, Mesh::start().await);
    let edge = device(&client, mesh.address, &outbox);
    edge.reports.send(report("early")).await.unwrap();
    stored(&outbox, "early").await;
    // Killed, not shut down.
    edge.task.abort();
    let mut manager = Manager::start(&client, 1).await;
    let again = device(&client, mesh.address, &outbox);
    assert_eq!(manager.said().await.name, "early");
    again.shutdown.cancel();
    again.task.await.unwrap();
}

#[tokio::test]
async fn what_the_next_manager_does_not_ask_is_asked_no_more() {
    let (_folder, outbox) = folder();
    let (client, mesh) = (api().await, Mesh::start().await);
    let mut first = Manager::start(&client, 1).await;
    let edge = device(&client, mesh.address, &outbox);
    mesh.heard().await;
    for number in [1, 2] {
        first.hub.send(&"edge1".into(), request(number));
    }
    assert!(first.ask_and_apply(&mesh, 3).await.is_empty());
    first.stop().await;

    // Nobody takes back what was asked about a resource that is deleted now.
    let mut second = Manager::start(&client, 2).await;
    second.hub.send(&"edge1".into(), request(2));
    second.ask_and_apply(&mesh, 4).await;
    mesh.applied(1);
    mesh.applied(2);
    assert_eq!(second.ask_and_apply(&mesh, 5).await, ["w2"]);
    edge.shutdown.cancel();
    edge.task.await.unwrap();
    second.stop().await;
}

#[tokio::test]
async fn what_a_mesh_applied_that_is_gone_is_not_acknowledged() {
    let (_folder, outbox) = folder();
    let (client, mesh) = (api().await, Mesh::start().await);
    let mut manager = Manager::start(&client, 1).await;
    let edge = device(&client, mesh.address, &outbox);
    mesh.heard().await;
    assert!(manager.ask_and_apply(&mesh, 1).await.is_empty());
    mesh.die().await;
    manager.hub.send(&"edge1".into(), request(1));
    assert!(manager.ask_and_apply(&mesh, 2).await.is_empty());
    mesh.applied(1);
    assert_eq!(manager.ask_and_apply(&mesh, 3).await, ["w1"]);
    edge.shutdown.cancel();
    edge.task.await.unwrap();
    manager.stop().await;
}
