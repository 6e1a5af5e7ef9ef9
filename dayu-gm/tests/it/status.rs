//! Health, readiness and metrics, as a kubelet and Prometheus ask for them.
use std::{net::SocketAddr, time::Duration};

use dayu_cluster::Cluster;
use dayu_core::api::RuntimeService;
use dayu_gm::{Error, Handle, Options, run_with};
use kube::{Api, Client, api::PostParams};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::site::{PATIENCE, runtime_service};

fn start(client: &Client, name: &str, status: SocketAddr) -> Handle {
    let options = Options { identity: Some(name.to_owned()), status: Some(status), ..Options::default() };
    run_with(client.clone(), options, CancellationToken::new())
}

/// Where one serves that never says where it is, for it is not ready before it leads: nothing else of the tests is there.
fn apart(last: u8) -> SocketAddr {
    ([127, 77, 1, last], 10553).into()
}

/// Starts one wherever there is room, and says where once it leads.
async fn leading(client: &Client, name: &str) -> (Handle, SocketAddr) {
    let mut manager = start(client, name, ([127, 0, 0, 1], 0).into());
    let status = manager.ready().await.unwrap().status.unwrap();
    (manager, status)
}

/// The status and the body of an answer.
pub(super) async fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// Waits until `path` answers with `status` and `text`.
pub(super) async fn until(address: SocketAddr, path: &str, status: u16, text: &str) -> String {
    let mut last = None;
    let found = async {
        loop {
            last = get(address, path).await;
            match &last {
                Some((code, body)) if *code == status && body.contains(text) => return body.clone(),
                _ => sleep(Duration::from_millis(10)).await,
            }
        }
    };
    let found = timeout(PATIENCE, found).await;
    found.unwrap_or_else(|_| panic!("{path} never said {status} {text:?}; last: {last:?}"))
}

#[tokio::test]
async fn it_is_ready_when_it_leads_and_when_it_stands_by() {
    let cluster = Cluster::builder().build().await.unwrap();
    let (_leader, first) = leading(&cluster.client(), "a").await;
    until(first, "/readyz", 200, "leading").await;
    until(first, "/healthz", 200, "ok").await;
    let second = apart(1);
    let _standby = start(&cluster.client(), "b", second);
    until(second, "/readyz", 200, "standing by").await;
    until(first, "/metrics", 200, "dayu_gm_leading 1").await;
    until(second, "/metrics", 200, "dayu_gm_leading 0").await;
}

#[tokio::test]
async fn one_that_has_no_api_is_alive_and_not_ready() {
    let config = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
    let address = apart(2);
    let _manager = start(&Client::try_from(config).unwrap(), "a", address);
    until(address, "/healthz", 200, "ok").await;
    until(address, "/readyz", 503, "the API has not answered").await;
}

#[tokio::test]
async fn looks_errors_and_lag_are_counted() {
    let cluster = Cluster::builder().build().await.unwrap();
    let client = cluster.client();
    let (_manager, address) = leading(&client, "a").await;
    let services = Api::<RuntimeService>::namespaced(client, "default");
    services.create(&PostParams::default(), &runtime_service("lost", "nowhere", 9000)).await.unwrap();
    let refused = r#"dayu_gm_reconcile_errors_total{kind="RuntimeService",reason="NodeNotFound"} 1"#;
    until(address, "/metrics", 200, refused).await;
    let text = until(address, "/metrics", 200, r#"dayu_gm_watch_lag_seconds_count{kind="RuntimeService"} 1"#).await;
    for part in [
        r#"dayu_gm_reconciles_total{kind="RuntimeService",outcome="rejected"} 1"#,
        r#"dayu_gm_reconcile_seconds_count{kind="RuntimeService"} 1"#,
        r#"dayu_gm_queue_depth{kind="RuntimeService",state="ready"} 0"#,
        "dayu_gm_link_devices 0",
        "# EOF",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named_with_the_flag() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let cluster = Cluster::builder().build().await.unwrap();
    let error = start(&cluster.client(), "a", address).finished().await.unwrap_err();
    assert!(matches!(error, Error::Status { .. }));
    assert!(error.to_string().contains(&address.to_string()) && error.to_string().contains("--status"), "{error}");
}
