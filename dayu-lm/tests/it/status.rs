//! Health, readiness and metrics of a local manager.
use std::net::SocketAddr;

use dayu_lm::Options;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Duration, sleep, timeout},
};

use crate::site::Site;

/// The head and the body of an answer, as one text.
pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn starts_exits_and_failed_starts_are_counted() {
    let site = Site::new("edge1", 77).await;
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = Options { status: Some(address), stop_workers: true, ..Options::of("edge1") };
    let running = site.start_with(options).await;
    assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 200"));
    site.script("well", "trap 'exit 0' TERM; sleep 1000 & wait").await;
    site.script("bad", "exit 3").await;
    site.create("missing", serde_json::json!({"containers": [{"name": "c", "image": "i", "command": ["no-such"]}]}))
        .await;
    site.until_ready("well").await;
    let wanted = [
        "dayu_lm_pods 3",
        r#"dayu_lm_exits_total{how="error"}"#,
        r#"dayu_lm_failed_starts_total{reason="StartFailed"}"#,
        "dayu_lm_link_connected 0",
    ];
    let mut text = String::new();
    let counted = async {
        while !wanted.iter().all(|part| text.contains(part)) {
            sleep(Duration::from_millis(10)).await;
            text = get(address, "/metrics").await;
        }
    };
    let counted = timeout(Duration::from_secs(30), counted).await;
    assert!(counted.is_ok(), "{wanted:?} are not all in:\n{text}");
    running.stop().await;
}
