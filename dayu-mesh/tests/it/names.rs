//! Names over the HTTP front: three ways to say whom a request is for, two to say on which device.
use std::net::SocketAddr;

use http::StatusCode;
use k8s_openapi::api::core::v1::Service;
use kube::Api;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
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
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&head));
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("det-2-1"), "{answer}");
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
