//! Where the directory comes from: any source will do, and an API server is not believed when it forgets everything.
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use dayu_core::{
    directory::{Change, DeviceRecord, EndpointRecord, PodRef, PortRecord, ServiceRecord, SliceRecord, Source},
    name::{ServiceKey, Uid},
};
use dayu_mesh::{Options, run_from};
use futures::{StreamExt, channel::mpsc, stream, stream::BoxStream};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::support::{
    PATIENCE, Site,
    client::{Client, Events, get},
    until,
    worker::{self, Seen},
};

/// Tells what it was given, then nothing more.
struct Fixed(Vec<Change>);

impl Source for Fixed {
    fn changes(self: Box<Self>) -> BoxStream<'static, Change> {
        stream::iter(self.0).chain(stream::pending()).boxed()
    }
}

fn changes(site: &Site) -> Vec<Change> {
    let device = DeviceRecord { version: 1, addresses: vec![site.address(1)], ..DeviceRecord::new("edge1") };
    let port = PortRecord {
        name: "".into(),
        protocol: "TCP".into(),
        number: 9008,
        node_port: Some(30908),
        target: Some(9008),
    };
    let service = ServiceRecord {
        uid: Uid::from("s"),
        version: 1,
        kind: "NodePort".into(),
        ports: vec![port],
        ..ServiceRecord::new(ServiceKey::new("default", "fixed"))
    };
    let endpoint = EndpointRecord {
        pod: Some(PodRef { name: "fixed-1".into(), uid: Uid::from("p") }),
        ..EndpointRecord::new(site.pod(1, 1)).on("edge1")
    };
    let slice = SliceRecord {
        namespace: "default".into(),
        name: "fixed-1".into(),
        service: "fixed".into(),
        version: 1,
        labels: Default::default(),
        ports: vec![("".into(), 9008)],
        endpoints: vec![endpoint],
    };
    vec![Change::Slice(slice), Change::Service(service), Change::Device(device), Change::Synced]
}

#[tokio::test]
async fn a_mesh_needs_no_control_plane_and_ends_with_all_it_serves() {
    let site = Site::new().await;
    let _worker = worker::start("fixed", SocketAddr::new(site.pod(1, 1), 9008)).await;
    let stop = CancellationToken::new();
    let mut mesh = run_from(Box::new(Fixed(changes(&site))), Options::of("edge1"), stop.clone());
    let addresses = mesh.ready().await.unwrap();
    let seen: Seen = get(site.node_port(1, 30908), "/").await.unwrap().json();
    assert_eq!(seen.worker, "fixed");
    let mut events = Events::open(addresses.status, "/v1/watch").await;
    stop.cancel();
    mesh.finished().await.unwrap();
    while events.next().await.is_some() {}
    assert!(get_refused(addresses.front).await && get_refused(site.node_port(1, 30908)).await);
}

/// Tells what a test sends it.
struct Told(mpsc::UnboundedReceiver<Change>);

impl Source for Told {
    fn changes(self: Box<Self>) -> BoxStream<'static, Change> {
        self.0.boxed()
    }
}

/// A Service `name` with the node port 30910, and its one worker.
fn claiming(site: &Site, name: &str, pod: u8) -> [Change; 2] {
    let key = ServiceKey::new("default", name);
    let mut service = ServiceRecord::new(key.clone()).port(9010);
    service.ports[0].node_port = Some(30910);
    let endpoint = EndpointRecord::new(site.pod(1, pod)).on("edge1");
    [service.into(), SliceRecord::new(&key, format!("{name}-1"), 9010, [endpoint]).into()]
}

/// A source that is late with deletions, or repeats what is long gone, tells of two Services with one node port.
#[tokio::test]
async fn a_port_that_two_claim_is_one_s_alone_and_the_other_s_as_soon_as_it_is_free() {
    let site = Site::new().await;
    let mut workers = Vec::new();
    for (pod, name) in [(1, "gone"), (2, "alive")] {
        workers.push(worker::start(name, SocketAddr::new(site.pod(1, pod), 9010)).await);
    }
    let (source, told) = mpsc::unbounded();
    let say = |change| source.unbounded_send(change).unwrap();
    let device = DeviceRecord { version: 1, addresses: vec![site.address(1)], ..DeviceRecord::new("edge1") };
    [Change::Device(device)].into_iter().chain(claiming(&site, "gone", 1)).chain([Change::Synced]).for_each(say);
    let stop = CancellationToken::new();
    let mut mesh = run_from(Box::new(Told(told)), Options::of("edge1"), stop.clone());
    let status = mesh.ready().await.unwrap().status;
    claiming(&site, "alive", 2).into_iter().for_each(say);
    until(status, "/v1/listeners", |told| told["failed"][0]["service"] == "default/alive").await;
    let lands = async || get(site.node_port(1, 30910), "/").await.unwrap().json::<Seen>().worker;
    for _ in 0..5 {
        assert_eq!(lands().await, "gone", "never now this one and now that one");
    }
    let mut events = Events::open(status, "/v1/watch").await;
    let (name, _) = events.next().await.unwrap();
    assert_eq!(name, "change", "who comes is told the version that is there");
    let key = ServiceKey::new("default", "gone");
    say(Change::ServiceGone { uid: key.to_string().into(), key });
    events.next().await.unwrap();
    let told: Value = get(status, "/v1/listeners").await.unwrap().json();
    assert_eq!(told["failed"], json!([]), "the change that frees it is the one that gives it away");
    assert_eq!(lands().await, "alive");
    stop.cancel();
    mesh.finished().await.unwrap();
}

#[tokio::test]
async fn devices_and_workers_may_have_addresses_of_version_6_alone() {
    let (site, own) = (Site::new().await, IpAddr::from(Ipv6Addr::LOCALHOST));
    if let Err(error) = tokio::net::TcpListener::bind((own, 0)).await {
        assert!(std::env::var_os("DAYU_TESTS_MUST_NOT_SKIP").is_none(), "skipped: {error}");
        eprintln!("skipped: {own}: {error}");
        return;
    }
    let (v6, v4) = (SocketAddr::new(own, 9018), SocketAddr::new(site.pod(2, 1), 9018));
    let _workers = [worker::start("six", v6).await, worker::start("four", v4).await];
    let key = ServiceKey::new("default", "both");
    let mut service = ServiceRecord::new(key.clone()).port(9018);
    service.ports[0].node_port = Some(30918);
    let slice = |name: &str, at: SocketAddr, device: &str| {
        SliceRecord::new(&key, name, at.port(), [EndpointRecord::new(at.ip()).on(device)])
    };
    let device = |name: &str, address| DeviceRecord { version: 1, addresses: vec![address], ..DeviceRecord::new(name) };
    let changes = vec![
        device("six", own).into(),
        device("four", site.address(2)).into(),
        service.into(),
        slice("a", v6, "six").into(),
        slice("b", v4, "four").into(),
        Change::Synced,
    ];
    let stop = CancellationToken::new();
    let mut mesh = run_from(Box::new(Fixed(changes)), Options::of("six"), stop.clone());
    let front = mesh.ready().await.unwrap().front;
    assert!(front.is_ipv6());
    let lands = async |at: SocketAddr, target: &str| {
        let answer = Client::connect(at).await.send("GET", target, &[("host", &at.to_string())], "").await.unwrap();
        answer.json::<Seen>().worker
    };
    assert_eq!(lands(SocketAddr::new(own, 30918), "/").await, "six");
    for (name, worker) in [("six", "six"), ("four", "four")] {
        assert_eq!(lands(front, &format!("http://{name}.both.default.svc:9018/")).await, worker);
    }
    assert_eq!(lands(front, "http://[::1]:30918/").await, "six");
    stop.cancel();
    mesh.finished().await.unwrap();
}

async fn get_refused(address: SocketAddr) -> bool {
    tokio::net::TcpStream::connect(address).await.is_err()
}

#[tokio::test]
async fn a_second_mesh_of_a_device_says_what_is_in_its_way() {
    let site = Site::new().await;
    let (stop, source) = (CancellationToken::new(), || Box::new(Fixed(changes(&site))));
    let mut first = run_from(source(), Options::of("edge1"), stop.clone());
    first.ready().await.unwrap();
    let mut second = run_from(source(), Options::of("edge1"), stop.clone());
    assert_eq!(second.ready().await, None);
    let error = second.finished().await.unwrap_err().to_string();
    assert!(error.contains("10551") && error.contains("edge1"), "{error}");
    stop.cancel();
}

/// Where its status is told, it serves it although it may never learn where its own device is.
#[tokio::test]
async fn a_source_that_is_hindered_is_told_to_who_asks_and_to_who_watches() {
    let site = Site::new().await;
    let status = SocketAddr::new(site.address(1), 10551);
    let (what, why) = ("watch of Nodes".to_owned(), "may not list nodes: no".to_owned());
    let told = json!({"what": what, "why": why});
    let (stop, source) = (CancellationToken::new(), Fixed(vec![Change::Hindered { what, why }]));
    let options = Options { status: Some(status), ..Options::of("edge1") };
    let mesh = run_from(Box::new(source), options, stop.clone());
    let listens = async {
        while get_refused(status).await {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, listens).await.expect("the status is never served");
    until(status, "/v1/troubles", |answer| *answer == json!({"troubles": [told]})).await;
    let mut events = Events::open(status, "/v1/watch").await;
    assert_eq!(events.next().await, Some(("hindered".to_owned(), told)));
    assert_eq!(get(status, "/readyz").await.unwrap().status, 503);
    stop.cancel();
    mesh.finished().await.unwrap();
}

#[tokio::test]
async fn services_of_another_proxy_are_left_to_it() {
    let site = Site::new().await;
    site.device("edge1", 1).await;
    let spec = json!({"type": "NodePort", "ports": [{"port": 9009}]});
    for (name, label, value) in [
        ("edgemesh-s", "service.edgemesh.kubeedge.io/service-proxy-name", "x"),
        ("other-s", "service.kubernetes.io/service-proxy-name", "other"),
        ("ours", "service.kubernetes.io/service-proxy-name", ""),
    ] {
        let service = json!({"metadata": {"name": name, "labels": {label: value}}, "spec": spec});
        let _: k8s_openapi::api::core::v1::Service = site.create(service).await;
    }
    let mut mesh = site.mesh("edge1").await;
    let status = mesh.ready().await.unwrap().status;
    let services: Value = get(status, "/v1/services").await.unwrap().json();
    let names: Vec<_> = services["services"].as_array().unwrap().iter().map(|service| &service["name"]).collect();
    assert_eq!(names, ["ours"]);
}
