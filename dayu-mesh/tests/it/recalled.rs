//! A mesh that starts while the API is out of reach serves what it knew, and what the API says once it is heard.
use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dayu_mesh::{Handle, Options, run_with};
use k8s_openapi::api::core::v1::{Node, Service};
use kube::{
    Api, Client as KubeClient, ResourceExt,
    api::{Patch, PatchParams},
    client::Body,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    status::{cluster_address, managed},
    support::{
        At, PATIENCE, Site,
        client::{Client, get},
        until,
        worker::{self, Seen},
    },
};

/// The way to the API, which can be cut.
#[derive(Clone, Default)]
struct Way(Arc<AtomicBool>);

impl Way {
    fn cut(&self, is_cut: bool) {
        self.0.store(is_cut, Ordering::Relaxed);
    }

    fn client(&self, site: &Site) -> KubeClient {
        let (way, client) = (self.clone(), site.client.clone());
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let (way, client) = (way.clone(), client.clone());
            async move {
                if way.0.load(Ordering::Relaxed) {
                    return Err(kube::Error::Service("nobody is there".into()));
                }
                client.send(request).await
            }
        });
        KubeClient::new(service, "default")
    }
}

/// The mesh of `edge1`, with a memory and a way to the API.
struct Boot {
    site: Site,
    way: Way,
    data: TempDir,
    options: Options,
}

impl Boot {
    async fn new() -> Self {
        let (site, data) = (Site::new().await, tempfile::tempdir().unwrap());
        site.device("edge1", 1).await;
        let options = Options { data: Some(data.path().to_owned()), drain: 0, ..Options::of("edge1") };
        Self { site, way: Way::default(), data, options }
    }

    fn start(&self) -> (Handle, CancellationToken) {
        let stop = CancellationToken::new();
        (run_with(self.way.client(&self.site), self.options.clone(), stop.clone()), stop)
    }

    /// Runs once, with the API.
    async fn learn(&self) {
        self.way.cut(false);
        let (mut mesh, stop) = self.start();
        mesh.ready().await.unwrap();
        stop.cancel();
        mesh.finished().await.unwrap();
        self.way.cut(true);
    }

    async fn serve(&self, name: &str, node_port: u16, pod: u8) -> Service {
        let service = self.site.service(name, 9040, node_port).await;
        self.move_to(&service, pod).await;
        service
    }

    async fn move_to(&self, service: &Service, pod: u8) {
        let at = At { device: "edge1", pod: &format!("pod-{pod}"), address: self.site.pod(1, pod), ready: true };
        self.site.endpoints(service, 9040, &[at]).await;
    }

    fn status(&self) -> SocketAddr {
        self.site.node_port(1, 10551)
    }

    fn path(&self, file: &str) -> std::path::PathBuf {
        Path::new(self.data.path()).join(file)
    }
}

/// Waits for whoever will listen.
async fn reach(address: SocketAddr) -> Client {
    let listening = async {
        while TcpStream::connect(address).await.is_err() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, listening).await.unwrap_or_else(|_| panic!("nobody listens on {address}"));
    Client::connect(address).await
}

async fn who(client: &mut Client, target: &str) -> String {
    client.send("GET", target, &[("host", "x")], "").await.unwrap().json::<Seen>().worker
}

async fn source_state(boot: &Boot) -> Value {
    get(boot.status(), "/v1/routes").await.unwrap().json::<Value>()["sourceState"].clone()
}

#[tokio::test]
async fn what_was_known_is_served_until_the_api_says_what_is() {
    let boot = Boot::new().await;
    let site = &boot.site;
    let _workers = [
        worker::start("one", SocketAddr::new(site.pod(1, 1), 9040)).await,
        worker::start("two", SocketAddr::new(site.pod(1, 2), 9040)).await,
        worker::start("managed", SocketAddr::new(site.pod(1, 1), 9007)).await,
    ];
    let (_stays, moves) = (boot.serve("stays", 30940, 1).await, boot.serve("moves", 30941, 1).await);
    boot.serve("goes", 30942, 1).await;
    let exact = managed(site, "det").await;
    site.endpoints(&exact, 9007, &[At { device: "edge1", pod: "det-1", address: site.pod(1, 1), ready: true }]).await;
    boot.learn().await;

    let (mut mesh, stop) = boot.start();
    let mut held = reach(site.node_port(1, 30940)).await;
    assert_eq!(who(&mut held, "/").await, "one");
    let mut held_exact = reach(cluster_address(&exact)).await;
    assert_eq!(who(&mut held_exact, "/").await, "managed");
    let mut front = reach(site.node_port(1, 10552)).await;
    assert_eq!(who(&mut front, "http://moves.default.svc:9040/").await, "one");
    let routes: Value = get(boot.status(), "/v1/routes").await.unwrap().json();
    assert_eq!((&routes["sourceState"], &routes["routes"]["rts-det"]["phase"]), (&json!("STALE"), &json!("APPLIED")));
    let route = get(boot.status(), &format!("/v1/routes/{}", exact.uid().unwrap())).await.unwrap();
    assert_eq!(route.status, 503, "who waits for news does not take it for some");
    assert_eq!(get(boot.status(), "/readyz").await.unwrap().status, 503);
    let metrics = get(boot.status(), "/metrics").await.unwrap();
    assert!(String::from_utf8_lossy(&metrics.body).contains("\ndayu_mesh_stale 1\n"));
    let explained = get(boot.status(), "/v1/explain?service=stays&format=text").await.unwrap();
    assert!(String::from_utf8_lossy(&explained.body).contains("stale: "), "{explained:?}");

    boot.move_to(&moves, 2).await;
    site.delete_service("goes").await;
    boot.serve("comes", 30943, 2).await;
    boot.way.cut(false);
    mesh.ready().await.unwrap();
    assert_eq!(source_state(&boot).await, "SYNCED");
    assert_eq!(get(boot.status(), "/readyz").await.unwrap().status, 200);
    assert_eq!(who(&mut Client::connect(site.node_port(1, 30941)).await, "/").await, "two");
    assert_eq!(who(&mut Client::connect(site.node_port(1, 30943)).await, "/").await, "two");
    assert!(TcpStream::connect(site.node_port(1, 30942)).await.is_err(), "what is gone is not served");
    assert_eq!((who(&mut held, "/").await, who(&mut held_exact, "/").await), ("one".to_owned(), "managed".to_owned()));
    stop.cancel();
    mesh.finished().await.unwrap();
}

#[tokio::test]
async fn a_damaged_memory_is_told_and_the_one_before_it_is_served() {
    let boot = Boot::new().await;
    let _worker = worker::start("one", SocketAddr::new(boot.site.pod(1, 1), 9040)).await;
    boot.serve("before", 30944, 1).await;
    boot.learn().await;
    boot.serve("newest", 30945, 1).await;
    boot.learn().await;
    let newest = std::fs::read(boot.path("routes")).unwrap();
    std::fs::write(boot.path("routes"), &newest[..newest.len() - 1]).unwrap();

    let (mesh, stop) = boot.start();
    assert_eq!(who(&mut reach(boot.site.node_port(1, 30944)).await, "/").await, "one");
    assert!(TcpStream::connect(boot.site.node_port(1, 30945)).await.is_err(), "that was only in the newest");
    let troubles = get(boot.status(), "/v1/troubles").await.unwrap();
    let told = String::from_utf8_lossy(&troubles.body).into_owned();
    assert!(told.contains("memory of routes") && told.contains("routes is damaged"), "{told}");
    assert!(boot.path("routes.damaged").exists());
    boot.way.cut(false);
    until(boot.status(), "/v1/routes", |routes| routes["sourceState"] == "SYNCED").await;
    assert_eq!(who(&mut reach(boot.site.node_port(1, 30945)).await, "/").await, "one");
    stop.cancel();
    mesh.finished().await.unwrap();
}

/// The device may have got another address, and the one that is recalled may be somebody else's.
#[tokio::test]
async fn an_address_that_is_over_does_not_end_a_mesh() {
    let boot = Boot::new().await;
    let _worker = worker::start("one", SocketAddr::new(boot.site.pod(1, 1), 9040)).await;
    boot.serve("det", 30946, 1).await;
    boot.learn().await;

    let _taken = TcpListener::bind(boot.site.node_port(1, 10552)).await.unwrap();
    let (mut mesh, stop) = boot.start();
    assert_eq!(who(&mut reach(boot.site.node_port(1, 30946)).await, "/").await, "one");
    until(boot.status(), "/v1/troubles", |told| told.to_string().contains("cannot serve the HTTP front")).await;
    let status = json!({"status": {"addresses": [{"type": "InternalIP", "address": boot.site.address(3)}]}});
    let nodes = Api::<Node>::all(boot.site.client.clone());
    nodes.patch_status("edge1", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    boot.way.cut(false);
    let addresses = mesh.ready().await.unwrap();
    assert_eq!(addresses.front, boot.site.node_port(3, 10552));
    assert_eq!(who(&mut reach(addresses.front).await, "http://det.default.svc:9040/").await, "one");
    assert_eq!(who(&mut reach(boot.site.node_port(3, 30946)).await, "/").await, "one");
    stop.cancel();
    mesh.finished().await.unwrap();
}
