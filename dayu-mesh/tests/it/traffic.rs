//! What a mesh counts of what passes, against what its clients count.
use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    strict::Pair,
    support::{
        PATIENCE,
        client::{Client, get},
    },
};

/// What the mesh of `edge1` tells now of requests to `det` there; of a histogram, of the bucket that `also` names.
async fn told(pair: &Pair, metric: &str, also: &str) -> f64 {
    let metrics = get(SocketAddr::new(pair.site.address(1), 10551), "/metrics").await.unwrap();
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    let series = format!(r#"dayu_mesh_{metric}{{{also}service="default/det",device="edge1"}} "#);
    let value = text.lines().find_map(|line| line.strip_prefix(&series));
    value.unwrap_or_else(|| panic!("no {series} in:\n{text}")).parse().unwrap()
}

#[tokio::test]
async fn by_name_bodies_are_counted_and_how_long_answers_take() {
    let pair = Pair::new(2).await;
    let mut client = Client::connect(SocketAddr::new(pair.site.address(1), 10552)).await;
    let (mut sent, mut received) = (0, 0);
    for size in [0, 1, 100_000, 2_000_000] {
        let answer = client.send("POST", "http://edge1.det.default.svc:9001/", &[], vec![7; size]).await.unwrap();
        sent += size;
        received += answer.body.len();
    }
    assert_eq!(told(&pair, "sent_bytes_total", "").await, sent as f64);
    assert_eq!(told(&pair, "received_bytes_total", "").await, received as f64);
    assert_eq!(told(&pair, "requests_total", "").await, 4.0);
    assert_eq!(told(&pair, "declined_total", "").await, 0.0);
    assert_eq!(told(&pair, "answer_seconds_count", "").await, 4.0);
    assert_eq!(told(&pair, "answer_seconds_bucket", r#"le="+Inf","#).await, 4.0);
    assert!(told(&pair, "answer_seconds_sum", "").await > 0.0);
}

#[tokio::test]
async fn at_a_node_port_every_byte_is_counted_while_the_connection_stands() {
    let pair = Pair::new(1).await;
    let mut client = TcpStream::connect(pair.site.node_port(1, 30901)).await.unwrap();
    let ask = b"GET / HTTP/1.1\r\nHost: det\r\n\r\n";
    client.write_all(ask).await.unwrap();
    let mut answer = [0; 4096];
    let count = client.read(&mut answer).await.unwrap();
    assert_eq!(told(&pair, "sent_bytes_total", "").await, ask.len() as f64);
    assert_eq!(told(&pair, "received_bytes_total", "").await, count as f64);
    assert_eq!((told(&pair, "in_flight", "").await, told(&pair, "answer_seconds_count", "").await), (1.0, 1.0));
    drop(client);
    let ended = async {
        while told(&pair, "in_flight", "").await > 0.0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, ended).await.expect("nothing is in flight any more");
}
