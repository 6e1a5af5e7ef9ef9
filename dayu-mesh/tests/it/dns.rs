//! The mesh as a name server: what it knows it answers, what it does not it asks others.
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use dayu_mesh::Options;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    time::timeout,
};

use crate::{
    strict::Pair,
    support::{
        Site,
        client::{Client, get},
        worker::Seen,
    },
};

const PORT: u16 = 5353;
const PATIENCE: Duration = Duration::from_secs(10);

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
    let labels = name.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat());
    b"id\x01\0\0\x01\0\0\0\0\0\0".iter().copied().chain(labels).chain(*b"\0\0\x01\0\x01").collect()
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
