//! A replica that fails faster than its peers work gets hardly any request, by whatever way requests come.
use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    strict::Pair,
    support::{PATIENCE, client::Client},
};

const REQUESTS: u64 = 200;

/// Answers every request at once that it cannot.
async fn declining(address: SocketAddr) -> AbortOnDropHandle<()> {
    let listener = TcpListener::bind(address).await.unwrap();
    AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_u8().await.unwrap();
            let answer = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            tokio::spawn(async move { while stream.read(&mut [0; 1024]).await.is_ok_and(|count| count > 0) {} });
        }
    }))
}

/// Three replicas on `edge1`, the first of which declines.
async fn one_of_three() -> Pair {
    let mut pair = Pair::new(3).await;
    let refusing = SocketAddr::new(pair.site.pod(1, 1), 9001);
    pair.workers.remove(0).abort();
    let ended = async {
        while TcpStream::connect(refusing).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, ended).await.expect("the worker still listens");
    pair.workers.push(declining(refusing).await);
    pair
}

/// How many of so many requests the first replica was given.
fn attracted(pair: &Pair) -> u64 {
    let counts = pair.meshes[0].requests();
    assert_eq!(counts.iter().map(|count| count.requests).sum::<u64>(), REQUESTS, "{counts:?}");
    counts.iter().filter(|count| count.pod == "det-1-1").map(|count| count.requests).sum()
}

#[tokio::test]
async fn at_a_node_port() {
    let pair = one_of_three().await;
    for _ in 0..REQUESTS {
        let mut client = Client::connect(pair.site.node_port(1, 30901)).await;
        client.send("GET", "/", &[("host", "det"), ("connection", "close")], "").await.unwrap();
    }
    assert!(attracted(&pair) * 20 < REQUESTS, "{} of {REQUESTS}", attracted(&pair));
}

#[tokio::test]
async fn by_name() {
    let pair = one_of_three().await;
    let mut client = Client::connect(SocketAddr::new(pair.site.address(1), 10552)).await;
    for _ in 0..REQUESTS {
        client.send("GET", "http://edge1.det.default.svc:9001/", &[], "").await.unwrap();
    }
    assert!(attracted(&pair) * 20 < REQUESTS, "{} of {REQUESTS}", attracted(&pair));
}

#[tokio::test]
async fn through_a_tunnel() {
    let pair = one_of_three().await;
    for _ in 0..REQUESTS {
        let mut stream = TcpStream::connect(SocketAddr::new(pair.site.address(1), 10552)).await.unwrap();
        stream.write_all(b"CONNECT edge1.det.default.svc:9001 HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        stream.read_to_end(&mut head).await.unwrap();
    }
    assert!(attracted(&pair) * 20 < REQUESTS, "{} of {REQUESTS}", attracted(&pair));
}
