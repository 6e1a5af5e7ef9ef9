//! Names over the HTTP front: three ways to say whom a request is for, two to say on which device.
use std::net::SocketAddr;

use http::StatusCode;
use k8s_openapi::api::core::v1::Service;
use kube::Api;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    strict::Pair,
    support::{
        At, Site,
        client::{Answer, Client},
        worker::{self, Seen},
    },
};

const FRONT: u16 = 10552;

async fn front(site: &Site, device: u8) -> Client {
    Client::connect(SocketAddr::new(site.address(device), FRONT)).await
}

fn worker(answer: &Answer) -> String {
    answer.json::<Seen>().worker
}

#[tokio::test]
async fn every_form_lands_on_the_device_it_names() {
    let pair = Pair::new(1).await;
    for caller in [1, 2] {
        let mut client = front(&pair.site, caller).await;
        for device in [1, 2] {
            let (by_name, expected) = (format!("edge{device}.det.default.svc"), format!("det-{device}-1"));
            let absolute =
                client.send("GET", &format!("http://{by_name}:9001/x?y"), &[("host", "other")], "").await.unwrap();
            assert_eq!(worker(&absolute), expected);
            assert_eq!(absolute.json::<Seen>().path, "/x?y");
            assert_eq!(absolute.json::<Seen>().host, format!("{by_name}:9001"));
            assert_eq!(absolute.header("x-dayu-endpoint"), Some(&*format!("edge{device}/{expected}")));
            let full = format!("{by_name}.cluster.local:9001");
            assert_eq!(worker(&client.send("GET", "/x", &[("host", &full)], "").await.unwrap()), expected);
            let header = [("host", "det.default.svc:9001"), ("x-target-device", &*format!("edge{device}"))];
            assert_eq!(worker(&client.send("GET", "/x", &header, "").await.unwrap()), expected);
        }
        let prefers = client.send("GET", "http://det.default.svc:9001/", &[], "").await.unwrap();
        assert_eq!(worker(&prefers), format!("det-{caller}-1"), "no device: the caller's own first");
    }
}

#[tokio::test]
async fn a_short_name_is_served_where_it_says_the_namespace_and_told_its_full_name_where_not() {
    let pair = Pair::new(1).await;
    let mut client = front(&pair.site, 1).await;
    for (host, expected) in [("det.default", "det-1-1"), ("edge2.det.default", "det-2-1")] {
        let answer = client.send("GET", &format!("http://{host}:9001/"), &[], "").await.unwrap();
        assert_eq!(worker(&answer), expected, "{host}");
    }
    let answer = client.send("GET", "http://det:9001/", &[], "").await.unwrap();
    assert_eq!((answer.status, answer.header("x-dayu-reason")), (StatusCode::FORBIDDEN, Some("NotAMeshName")));
    assert!(String::from_utf8_lossy(&answer.body).contains("say det.default.svc"), "{answer:?}");
}

#[tokio::test]
async fn a_node_port_address_is_a_name_too() {
    let pair = Pair::new(1).await;
    let mut client = front(&pair.site, 1).await;
    let target = format!("http://{}/", pair.site.node_port(2, 30901));
    assert_eq!(worker(&client.send("GET", &target, &[], "").await.unwrap()), "det-2-1");
}

#[tokio::test]
async fn the_header_says_the_device_at_an_address_as_well_and_says_one() {
    let pair = Pair::new(1).await;
    let mut client = front(&pair.site, 1).await;
    let services: Api<Service> = Api::default_namespaced(pair.site.client.clone());
    let address = services.get("det").await.unwrap().spec.unwrap().cluster_ip.unwrap();
    let cluster = format!("http://{address}:9001/");
    for device in [1, 2] {
        let header = [("x-target-device", &*format!("edge{device}"))];
        let answer = client.send("GET", &cluster, &header, "").await.unwrap();
        assert_eq!(worker(&answer), format!("det-{device}-1"));
    }
    let of_edge2 = format!("http://{}/", pair.site.node_port(2, 30901));
    let named = "http://edge2.det.default.svc:9001/".to_owned();
    let (one, other, none) = (("x-target-device", "edge1"), ("x-target-device", "edge2"), ("x-target-device", ""));
    for (target, headers) in [
        (&of_edge2, &[one][..]),
        (&named, &[one]),
        (&cluster, &[one, other]),
        (&named, &[other, one]),
        (&cluster, &[none]),
    ] {
        let answer = client.send("GET", target, headers, "").await.unwrap();
        let refused = (StatusCode::BAD_REQUEST, Some("BadTarget"));
        assert_eq!((answer.status, answer.header("x-dayu-reason")), refused, "{target} {headers:?}");
    }
}

#[tokio::test]
async fn connect_opens_a_tunnel() {
    let pair = Pair::new(1).await;
    let mut stream = TcpStream::connect(SocketAddr::new(pair.site.address(1), FRONT)).await.unwrap();
    stream.write_all(b"CONNECT edge2.det.default.svc:9001 HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let head = head(&mut stream).await;
    assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("det-2-1"), "{answer}");
}

/// Reads up to the empty line.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

/// As WebSocket does it: who began as a client and who as a server both speak when they like, at once even.
#[tokio::test]
async fn a_protocol_that_both_sides_switch_to_is_carried_as_it_comes() {
    let pair = Pair::new(1).await;
    let site = &pair.site;
    let listener = TcpListener::bind(SocketAddr::new(site.pod(2, 9), 9014)).await.unwrap();
    let service = site.service("talk", 9014, 30914).await;
    let at = At { device: "edge2", pod: "talk-1", address: site.pod(2, 9), ready: true };
    site.endpoints(&service, 9014, &[at]).await;
    pair.until(1, |told| told["services"].as_array().unwrap().len() == 2 && told.to_string().contains("talk-1")).await;
    let mut client = TcpStream::connect(SocketAddr::new(site.address(1), FRONT)).await.unwrap();
    let request = "GET http://edge2.talk.default.svc:9014/live HTTP/1.1\r\nhost: a\r\nsec-websocket-key: k\r\n\
                   connection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\r\nfirst";
    client.write_all(request.as_bytes()).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    let asked = head(&mut server).await;
    for part in ["get /live ", "connection: upgrade\r\n", "upgrade: websocket\r\n", "sec-websocket-key: k\r\n"] {
        assert!(asked.contains(part), "{part:?} is not in {asked}");
    }
    let answer = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                  sec-websocket-accept: a\r\n\r\nsecond";
    server.write_all(answer.as_bytes()).await.unwrap();
    let answered = head(&mut client).await;
    for part in ["http/1.1 101 ", "upgrade: websocket\r\n", "sec-websocket-accept: a\r\n", "edge2/talk-1"] {
        assert!(answered.contains(part), "{part:?} is not in {answered}");
    }
    for (hears, said) in [(&mut client, "second"), (&mut server, "first")] {
        let mut heard = vec![0; said.len()];
        hears.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, said.as_bytes());
    }
    server.write_all(b"third").await.unwrap();
    client.read_exact(&mut [0; 5]).await.unwrap();
    drop(client);
    assert_eq!(server.read(&mut [0]).await.unwrap(), 0, "an end is an end");
}

/// As a model tells word by word: none waits for the next, or for the end.
#[tokio::test]
async fn an_answer_in_parts_comes_part_by_part() {
    let pair = Pair::new(1).await;
    let site = &pair.site;
    let listener = TcpListener::bind(SocketAddr::new(site.pod(2, 9), 9015)).await.unwrap();
    let service = site.service("tell", 9015, 30915).await;
    let at = At { device: "edge2", pod: "tell-1", address: site.pod(2, 9), ready: true };
    site.endpoints(&service, 9015, &[at]).await;
    pair.until(1, |told| told.to_string().contains("tell-1")).await;
    let mut client = TcpStream::connect(SocketAddr::new(site.address(1), FRONT)).await.unwrap();
    client.write_all(b"GET http://edge2.tell.default.svc:9015/ HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    head(&mut server).await;
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    server.write_all(answer.as_bytes()).await.unwrap();
    assert!(head(&mut client).await.contains("text/event-stream"));
    for _ in 0..2_000 {
        let chunk = b"c\r\ndata: word\n\n\r\n";
        server.write_all(chunk).await.unwrap();
        let mut heard = [0; 17];
        client.read_exact(&mut heard).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&heard).to_ascii_lowercase().as_bytes(), chunk);
    }
}

#[tokio::test]
async fn bodies_arrive_whole_with_any_method() {
    let pair = Pair::new(1).await;
    let mut client = front(&pair.site, 1).await;
    for (method, size) in [("GET", 5), ("POST", 2 * 1024 * 1024), ("DELETE", 0), ("GET", 100_000)] {
        let target = "http://edge2.det.default.svc:9001/frame";
        let seen: Seen = client.send(method, target, &[], vec![7; size]).await.unwrap().json();
        assert_eq!((seen.method.as_str(), seen.bytes), (method, size));
    }
}

#[tokio::test]
async fn a_chunked_get_keeps_its_body_and_loses_the_hop_s_headers() {
    let pair = Pair::new(1).await;
    let mut stream = TcpStream::connect(SocketAddr::new(pair.site.address(1), FRONT)).await.unwrap();
    let request = "GET http://det.default.svc:9001/ HTTP/1.1\r\nhost: a\r\nproxy-connection: keep-alive\r\nx-gone: 1\r\n\
                   connection: close, x-gone\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let seen: Seen = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((seen.method.as_str(), seen.bytes), ("GET", 5));
    assert!(!seen.headers.iter().any(|name| name == "x-gone" || name == "proxy-connection"), "{:?}", seen.headers);
}

#[tokio::test]
async fn refusals_say_why() {
    let pair = Pair::new(1).await;
    pair.ready(1, &[1]).await;
    pair.until(1, |services| crate::strict::ready_on(services, "edge2") == 0).await;
    let mut client = front(&pair.site, 1).await;
    for (target, status, reason) in [
        ("http://example.org/", StatusCode::FORBIDDEN, "NotAMeshName"),
        ("http://nothing.default.svc/", StatusCode::SERVICE_UNAVAILABLE, "NoSuchService"),
        ("http://det.default.svc:1/", StatusCode::SERVICE_UNAVAILABLE, "NoSuchPort"),
        ("http://edge2.det.default.svc:9001/", StatusCode::SERVICE_UNAVAILABLE, "NotReady"),
    ] {
        let answer = client.send("POST", target, &[], vec![1; 100_000]).await.unwrap();
        assert_eq!((answer.status, answer.header("x-dayu-reason")), (status, Some(reason)), "{target}");
        assert!(answer.body.len() > 20, "a text for people: {answer:?}");
        client = front(&pair.site, 1).await;
    }
}

#[tokio::test]
async fn device_names_may_have_dots() {
    let site = Site::new().await;
    site.device("cloud.kubeedge", 1).await;
    let _worker = worker::start("agg", SocketAddr::new(site.pod(1, 1), 9002)).await;
    let service = site.service("agg", 9002, 30902).await;
    let at = At { device: "cloud.kubeedge", pod: "agg-1", address: site.pod(1, 1), ready: true };
    site.endpoints(&service, 9002, &[at]).await;
    let _mesh = site.mesh("cloud.kubeedge").await;
    let answer =
        front(&site, 1).await.send("GET", "http://cloud.kubeedge.agg.default.svc:9002/", &[], "").await.unwrap();
    assert_eq!(worker(&answer), "agg");
}

/// Devices and Services whose names begin alike, or are alike but for what some leave out of them.
#[tokio::test]
async fn like_names_are_not_mixed_up() {
    let site = Site::new().await;
    let (devices, services) = (["edge-1", "edge1", "edge.1"], [("det", 9021, 30921), ("det-2", 9022, 30922)]);
    let (mut workers, mut meshes) = (vec![], vec![]);
    for (number, device) in (1..).zip(devices) {
        site.device(device, number).await;
    }
    for (pod, (name, port, node_port)) in (1..).zip(services) {
        let service = site.service(name, port, node_port).await;
        let pods = devices.map(|device| format!("{name}@{device}"));
        let places: Vec<_> = (1..).zip(devices).zip(&pods).collect();
        for ((number, _), pod_name) in &places {
            workers.push(worker::start(pod_name, SocketAddr::new(site.pod(*number, pod), port)).await);
        }
        let at = places.iter().map(|((number, device), pod_name)| At {
            device,
            pod: pod_name,
            address: site.pod(*number, pod),
            ready: true,
        });
        site.endpoints(&service, port, &at.collect::<Vec<_>>()).await;
    }
    for device in devices {
        meshes.push(site.mesh(device).await);
    }
    for (number, device) in (1..).zip(devices) {
        for (name, port, node_port) in services {
            let expected = format!("{name}@{device}");
            let by_port = crate::support::client::get(site.node_port(number, node_port), "/").await.unwrap();
            assert_eq!(worker(&by_port), expected);
            for caller in 1..=3 {
                let mut client = front(&site, caller).await;
                let named = format!("http://{device}.{name}.default.svc:{port}/");
                assert_eq!(worker(&client.send("GET", &named, &[], "").await.unwrap()), expected, "{named}");
                let (any, header) = (format!("http://{name}.default.svc:{port}/"), [("x-target-device", device)]);
                assert_eq!(worker(&client.send("GET", &any, &header, "").await.unwrap()), expected, "{any}");
            }
            let path = format!("/v1/services?device={device}");
            let told = crate::support::client::get(SocketAddr::new(site.address(number), 10551), &path).await.unwrap();
            let text = String::from_utf8_lossy(&told.body).into_owned();
            let others = devices.iter().filter(|other| **other != device);
            assert!(
                text.contains(&expected) && others.clone().all(|other| !text.contains(&format!("@{other}\""))),
                "{text}"
            );
        }
    }
    site.delete_service("det").await;
    crate::support::until(SocketAddr::new(site.address(1), 10551), "/v1/services", |told| {
        told["services"].as_array().is_some_and(|all| all.len() == 1)
    })
    .await;
    let left = front(&site, 1).await.send("GET", "http://edge1.det-2.default.svc:9022/", &[], "").await.unwrap();
    assert_eq!(worker(&left), "det-2@edge1");
}

/// Whatever port it speaks from, and by whatever way.
#[tokio::test]
async fn a_client_stays_with_one_replica_where_its_service_wants_it() {
    let site = Site::new().await;
    site.device("edge1", 1).await;
    let ports = serde_json::json!([{"name": "http", "port": 9016, "nodePort": 30916}]);
    let spec = serde_json::json!({"type": "NodePort", "sessionAffinity": "ClientIP", "ports": ports});
    let service: Service = site.create(serde_json::json!({"metadata": {"name": "sticky"}, "spec": spec})).await;
    let names = ["one", "two", "three", "four"];
    let mut workers = vec![];
    for (pod, name) in (1..).zip(names) {
        workers.push(worker::start(name, SocketAddr::new(site.pod(1, pod), 9016)).await);
    }
    let at = |(pod, name)| At { device: "edge1", pod: name, address: site.pod(1, pod), ready: true };
    site.endpoints(&service, 9016, &(1..).zip(names).map(at).collect::<Vec<_>>()).await;
    let _mesh = site.mesh("edge1").await;
    let mut landed = std::collections::BTreeSet::new();
    for _ in 0..25 {
        landed.insert(worker(&crate::support::client::get(site.node_port(1, 30916), "/").await.unwrap()));
        for target in ["http://sticky.default.svc:9016/", "http://edge1.sticky.default.svc:9016/"] {
            landed.insert(worker(&front(&site, 1).await.send("GET", target, &[], "").await.unwrap()));
        }
    }
    assert_eq!(landed.len(), 1, "{landed:?}");
}
