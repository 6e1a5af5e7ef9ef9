//! The mesh as a name server: what it knows it answers, what it does not it asks others.
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use dayu_mesh::Options;
use domain::{
    base::{Message, Rtype},
    rdata::AllRecordData,
};
use k8s_openapi::api::{core::v1::Service, discovery::v1::EndpointSlice};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    time::timeout,
};

use crate::{
    strict::Pair,
    support::{
        PATIENCE, Site,
        client::{Client, get},
        worker::Seen,
    },
};

const PORT: u16 = 5353;

fn options(site: &Site, upstream: &[SocketAddr]) -> Options {
    Options {
        dns: Some(SocketAddr::new(site.address(9), PORT)),
        dns_upstream: upstream.into(),
        dns_network: site.names().parse().unwrap(),
        ..Options::of("edge1")
    }
}

/// A query for the IPv4 addresses of `name`.
fn query(name: &str) -> Vec<u8> {
    query_for(name, Rtype::A)
}

fn query_for(name: &str, rtype: Rtype) -> Vec<u8> {
    let labels = name.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat());
    let [high, low] = rtype.to_int().to_be_bytes();
    b"id\x01\0\0\x01\0\0\0\0\0\0".iter().copied().chain(labels).chain([0, high, low, 0, 1]).collect()
}

/// What a program is told that asks for records of a type: over a connection where there are more than a datagram holds.
async fn records(server: SocketAddr, name: &str, rtype: Rtype) -> Vec<String> {
    let query = query_for(name, rtype);
    let mut answer = by_datagram(server, &query).await;
    if Message::from_slice(&answer).unwrap().header().tc() {
        answer = by_stream(server, &query).await;
    }
    assert_eq!(code(&answer), 0, "{name}");
    let answer = Message::from_slice(&answer).unwrap();
    let records = answer.iter().map(|record| record.unwrap().0.into_any_record::<AllRecordData<_, _>>().unwrap());
    records.map(|record| format!("{} {} {}", record.owner(), record.rtype(), record.data())).collect()
}

/// What the server says to `query`, which is asked again as long as it says nothing.
async fn by_datagram(server: SocketAddr, query: &[u8]) -> Vec<u8> {
    let asked = async {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut answer = [0; 4096];
        loop {
            socket.send_to(query, server).await.unwrap();
            if let Ok(Ok((length, _))) = timeout(Duration::from_millis(200), socket.recv_from(&mut answer)).await {
                return answer[..length].to_vec();
            }
        }
    };
    timeout(PATIENCE, asked).await.expect("no answer")
}

async fn by_stream(server: SocketAddr, query: &[u8]) -> Vec<u8> {
    let asked = async {
        let mut stream = TcpStream::connect(server).await.unwrap();
        stream.write_all(&[&(query.len() as u16).to_be_bytes(), query].concat()).await.unwrap();
        let mut answer = vec![0; stream.read_u16().await.unwrap().into()];
        stream.read_exact(&mut answer).await.unwrap();
        answer
    };
    timeout(PATIENCE, asked).await.expect("no answer")
}

/// The one address that an answer ends with.
fn address(answer: &[u8]) -> IpAddr {
    assert_eq!((answer[3] & 0xf, &answer[6..8]), (0, &[0, 1][..]), "{answer:?}");
    <[u8; 4]>::try_from(&answer[answer.len() - 4..]).unwrap().into()
}

fn code(answer: &[u8]) -> u8 {
    answer[3] & 0xf
}

#[tokio::test]
async fn a_name_with_a_device_is_an_address_that_means_that_device() {
    let pair = Pair::new(1).await;
    // A third device has the names, and no worker.
    pair.site.device("edge3", 3).await;
    let options = Options { node: "edge3".into(), ..options(&pair.site, &[]) };
    let server = options.dns.unwrap();
    let network = options.dns_network;
    let _mesh = pair.site.mesh_with(options).await;
    let mut addresses = Vec::new();
    for device in [1, 2] {
        let named = address(&by_datagram(server, &query(&format!("edge{device}.det.default.svc"))).await);
        assert!(matches!(named, IpAddr::V4(named) if network.contains(&named)), "{named}");
        let mut client = Client::connect(SocketAddr::new(named, 9001)).await;
        let seen: Seen = client.send("GET", "/", &[("host", "any")], "").await.unwrap().json();
        assert_eq!(seen.worker, format!("det-{device}-1"));
        addresses.push(named);
    }
    let again = address(&by_stream(server, &query("EDGE1.det.default.svc.cluster.local")).await);
    assert_eq!(again, addresses[0]);
    assert_ne!(addresses[0], addresses[1]);
    let nobody = address(&by_datagram(server, &query("edge3.det.default.svc")).await);
    let mut refused = TcpStream::connect((nobody, 9001)).await.unwrap();
    assert!(refused.read_u8().await.is_err(), "no worker there: refused, and not sent elsewhere");
    assert_eq!(code(&by_datagram(server, &query("edge9.det.default.svc")).await), 3);
}

#[tokio::test]
async fn names_wait_for_their_address_and_nothing_else_waits_for_them() {
    let site = Site::new().await;
    site.device("edge1", 1).await;
    let service = site.service("det", 9001, 30901).await;
    let server = SocketAddr::new(site.address(9), PORT);
    let taken = UdpSocket::bind(server).await.unwrap();
    let _mesh = site.mesh_with(options(&site, &[])).await;
    let said = get(SocketAddr::new(site.address(1), 10551), "/v1/listeners").await.unwrap();
    let failed: serde_json::Value = said.json();
    assert_eq!(failed["failed"][0]["address"], server.to_string(), "{failed}");
    drop(taken);
    let own: IpAddr = service.spec.unwrap().cluster_ip.unwrap().parse().unwrap();
    assert_eq!(address(&by_datagram(server, &query("det.default.svc")).await), own);
    assert_eq!(address(&by_stream(server, &query("det.default.svc.cluster.local")).await), own);
    assert_eq!(code(&by_datagram(server, &query("nobody.default.svc")).await), 3);
}

#[tokio::test]
async fn other_names_are_asked_of_others_by_the_way_they_came() {
    let site = Site::new().await;
    site.device("edge1", 1).await;
    let upstream = SocketAddr::new(site.address(8), PORT);
    let (datagrams, streams) = (UdpSocket::bind(upstream).await.unwrap(), TcpListener::bind(upstream).await.unwrap());
    let _mesh = site.mesh_with(options(&site, &[upstream])).await;
    let server = SocketAddr::new(site.address(9), PORT);
    let asked = query("example.org");
    let answering = tokio::spawn(async move {
        let mut question = [0; 512];
        let (length, from) = datagrams.recv_from(&mut question).await.unwrap();
        datagrams.send_to(&[&question[..length], b" by datagram"].concat(), from).await.unwrap();
        let (mut stream, _) = streams.accept().await.unwrap();
        let mut question = vec![0; stream.read_u16().await.unwrap().into()];
        stream.read_exact(&mut question).await.unwrap();
        let answer = [&question, &b" by stream"[..]].concat();
        stream.write_all(&[&(answer.len() as u16).to_be_bytes(), &answer[..]].concat()).await.unwrap();
        streams
    });
    assert_eq!(by_datagram(server, &asked).await, [&asked, &b" by datagram"[..]].concat());
    assert_eq!(by_stream(server, &asked).await, [&asked, &b" by stream"[..]].concat());
    drop(answering.await.unwrap());
    assert_eq!(code(&by_stream(server, &asked).await), 2, "nobody is there any more: it says so");
}

/// Of the kinds of names that Kubernetes' own name servers have.
#[tokio::test]
async fn pods_ports_aliases_and_addresses_have_names() {
    let site = Site::new().await;
    site.device("edge1", 1).await;
    let upstream = SocketAddr::new(site.address(8), PORT);
    let outside = UdpSocket::bind(upstream).await.unwrap();
    let _outside = tokio::spawn(async move {
        let mut question = [0; 512];
        loop {
            let (length, from) = outside.recv_from(&mut question).await.unwrap();
            let mut answer = question[..length].to_vec();
            assert!(answer.ends_with(b"\x02db\x07example\x03org\0\0\x01\0\x01"), "{answer:?}");
            (answer[2], answer[7]) = (0x81, 1);
            answer.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x07");
            outside.send_to(&answer, from).await.unwrap();
        }
    });
    let named = |name: &str, spec| json!({"metadata": {"name": name}, "spec": spec});
    let det = site.service("det", 9001, 30901).await;
    let _: Service = site.create(named("db", json!({"type": "ExternalName", "externalName": "db.example.org"}))).await;
    let _: Service =
        site.create(named("to-db", json!({"type": "ExternalName", "externalName": "db.default.svc"}))).await;
    // As installations of EdgeMesh have it.
    let left = json!({"name": "left", "labels": {"service.edgemesh.kubeedge.io/service-proxy-name": ""}});
    let left: Service = site.create(json!({"metadata": left, "spec": {"ports": [{"port": 443}]}})).await;
    let _: Service = site.create(named("many", json!({"clusterIP": "None"}))).await;
    let ports = json!([{"name": "peers", "port": 6379}]);
    let _: Service = site.create(named("redis", json!({"clusterIP": "None", "ports": ports}))).await;
    let slice = |service: &str, ports, endpoints| {
        let labels = json!({"kubernetes.io/service-name": service});
        json!({"metadata": {"name": format!("{service}-1"), "labels": labels}, "addressType": "IPv4", "ports": ports, "endpoints": endpoints})
    };
    let endpoints = json!([{"addresses": ["10.88.1.1"], "hostname": "redis-0"}, {"addresses": ["10.88.1.2"], "hostname": "redis-1"}]);
    let _: EndpointSlice = site.create(slice("redis", json!([{"name": "peers", "port": 7379}]), endpoints)).await;
    let many: Vec<_> = (1..=60).map(|last| json!({"addresses": [format!("10.88.2.{last}")]})).collect();
    let _: EndpointSlice = site.create(slice("many", json!([]), json!(many))).await;
    let _mesh = site.mesh_with(options(&site, &[upstream])).await;
    let server = SocketAddr::new(site.address(9), PORT);

    let told = async |name: &str, rtype| records(server, &format!("{name}.default.svc.cluster.local"), rtype).await;
    let (own, its) = [&det, &left].map(|service| service.spec.clone().unwrap().cluster_ip.unwrap()).into();
    assert_eq!(told("Det", Rtype::A).await, [format!("Det.default.svc.cluster.local A {own}")]);
    assert_eq!(told("det", Rtype::AAAA).await, [""; 0], "it has none, and is there");
    assert_eq!(told("left", Rtype::A).await, [format!("left.default.svc.cluster.local A {its}")]);
    assert_eq!(told("many", Rtype::A).await.len(), 60, "more than a datagram holds");
    assert_eq!(told("redis-1.redis", Rtype::A).await, ["redis-1.redis.default.svc.cluster.local A 10.88.1.2"]);
    let places = told("_peers._tcp.redis", Rtype::SRV).await;
    let pod = |n: u8| format!("redis-{n}.redis.default.svc.cluster.local");
    let service = "_peers._tcp.redis.default.svc.cluster.local";
    assert_eq!(places[..2], [0, 1].map(|n| format!("{service} SRV 0 100 7379 {}", pod(n))));
    assert_eq!(places[2..], [0, 1].map(|n| format!("{} A 10.88.1.{}", pod(n), n + 1)));
    let place = told("_http._tcp.det", Rtype::SRV).await;
    assert_eq!(place[0], "_http._tcp.det.default.svc.cluster.local SRV 0 100 9001 det.default.svc.cluster.local");

    let outside = ["db.default.svc CNAME db.example.org.", "db.example.org A 192.0.2.7"];
    assert_eq!(records(server, "db.default.svc", Rtype::A).await, outside);
    let further = records(server, "to-db.default.svc", Rtype::A).await;
    assert_eq!(further[..1], ["to-db.default.svc CNAME db.default.svc."]);
    assert_eq!(further[1..], outside);
    let pod = records(server, "10-88-1-9.default.pod.cluster.local", Rtype::A).await;
    assert_eq!(pod, ["10-88-1-9.default.pod.cluster.local A 10.88.1.9"]);
    let owner = records(server, "2.1.88.10.in-addr.arpa", Rtype::PTR).await;
    assert_eq!(owner, ["2.1.88.10.in-addr.arpa PTR redis-1.redis.default.svc.cluster.local."]);
}
