//! Probes of workers that say nothing of themselves: what answers is the test.
use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering},
};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{Duration, timeout},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, SupportedProtocolVersion, crypto::ring, version},
};

use crate::site::{Site, is_ready, state};

/// Answers what it is asked, and tells the head of each request.
struct Server {
    port: u16,
    asked: mpsc::UnboundedReceiver<String>,
}

impl Server {
    /// Answers the requests, which are counted from 0, with these codes.
    async fn start(tls: Option<TlsAcceptor>, code: impl Fn(usize) -> u16 + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, (tell, asked)) = (listener.local_addr().unwrap().port(), mpsc::unbounded_channel());
        tokio::spawn(async move {
            for number in 0.. {
                let (stream, code) = (listener.accept().await.unwrap().0, code(number));
                let head = match &tls {
                    Some(tls) => answer(tls.accept(stream).await.unwrap(), code).await,
                    None => answer::<TcpStream>(stream, code).await,
                };
                if tell.send(head).is_err() {
                    return;
                }
            }
        });
        Self { port, asked }
    }

    async fn next(&mut self) -> String {
        timeout(Duration::from_secs(30), self.asked.recv()).await.expect("it is asked").unwrap()
    }
}

/// Reads a request to the end of its head, which it returns, and answers.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, code: u16) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let text = format!("HTTP/1.1 {code} Told\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    String::from_utf8(head).unwrap()
}

/// TLS with a certificate that nobody signed, for another name, and out of date.
fn worthless(version: &'static SupportedProtocolVersion) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["elsewhere.example".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.serialize_der().try_into().unwrap())
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// A worker that does nothing, with this probe of that name.
async fn probed(site: &Site, name: &str, field: &str, probe: Value) {
    let command = json!(["sh", "-c", "touch $STARTED; exec sleep 1000"]);
    let env = json!([{"name": "STARTED", "value": started(site, name)}]);
    let mut container = json!({"name": "c", "image": "none", "command": command, "env": env});
    container[field] = probe;
    site.create(name, json!({"containers": [container]})).await;
}

/// The file that a worker leaves once it runs.
fn started(site: &Site, name: &str) -> std::path::PathBuf {
    site.data.path().join(format!("started-{name}"))
}

/// A probe of what listens here, once a second, of which each answer counts.
fn get(port: u16, scheme: &str) -> Value {
    let headers = json!([{"name": "X-Asks", "value": "a probe"}]);
    let get =
        json!({"host": "127.0.0.1", "port": port, "path": "health?deep", "scheme": scheme, "httpHeaders": headers});
    json!({"httpGet": get, "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 20})
}

#[tokio::test]
async fn a_worker_is_ready_for_as_long_as_its_http_probe_is_answered_well() {
    let site = Site::new("edge", 80).await;
    let running = site.start(true).await;
    let code = Arc::new(AtomicU16::new(503));
    let answers = code.clone();
    let mut server = Server::start(None, move |_| answers.load(Ordering::Relaxed)).await;
    probed(&site, "w", "readinessProbe", get(server.port, "HTTP")).await;
    let head = server.next().await;
    assert!(head.starts_with("GET /health?deep HTTP/1.1\r\n"), "{head}");
    let (host, lower) = (format!("host: 127.0.0.1:{}\r\n", server.port), head.to_lowercase());
    assert!(lower.contains(&host) && lower.contains("x-asks: a probe\r\n"), "{head}");
    server.next().await;
    assert!(!is_ready(&site.until("w", |pod| !state(pod, "running").is_null()).await), "it was answered with 503");
    code.store(302, Ordering::Relaxed);
    site.until_ready("w").await;
    code.store(404, Ordering::Relaxed);
    let pod = site.until("w", |pod| !is_ready(pod)).await;
    assert_eq!(pod["status"]["containerStatuses"][0]["restartCount"], 0, "it lives on");
    assert!(
        site.event("w", "Unhealthy").await.contains("Readiness probe of container c failed: GET http://127.0.0.1:")
    );
    running.stop().await;
}

#[tokio::test]
async fn a_worker_is_asked_over_tls_whatever_certificate_it_has() {
    let site = Site::new("edge", 81).await;
    let running = site.start(true).await;
    for (name, version) in [("older", &version::TLS12), ("newer", &version::TLS13)] {
        let mut server = Server::start(Some(worthless(version)), |_| 200).await;
        probed(&site, name, "readinessProbe", get(server.port, "HTTPS")).await;
        assert!(server.next().await.starts_with("GET /health?deep "));
        site.until_ready(name).await;
    }
    running.stop().await;
}

#[tokio::test]
async fn a_worker_is_ready_for_as_long_as_a_command_says_so() {
    let site = Site::new("edge", 82).await;
    let running = site.start(true).await;
    let file = site.data.path().join("model");
    let command = json!(["sh", "-c", format!("test -e {}", file.display())]);
    let probe = json!({"exec": {"command": command}, "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 20});
    probed(&site, "w", "readinessProbe", probe).await;
    assert!(!is_ready(&site.until("w", |pod| !state(pod, "running").is_null()).await));
    std::fs::write(&file, "").unwrap();
    site.until_ready("w").await;
    std::fs::remove_file(&file).unwrap();
    site.until("w", |pod| !is_ready(pod)).await;
    running.stop().await;
}

#[tokio::test]
async fn a_liveness_probe_that_fails_ends_one_run_and_the_next_one_lives() {
    let site = Site::new("edge", 83).await;
    let running = site.start(true).await;
    let mut server = Server::start(None, |number| if number == 0 { 500 } else { 200 }).await;
    probed(&site, "w", "livenessProbe", get(server.port, "HTTP")).await;
    let restarted = |pod: &Value| pod["status"]["containerStatuses"][0]["restartCount"] == 1 && is_ready(pod);
    let pod = site.until("w", restarted).await;
    assert_eq!(pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"], 143);
    let why = site.event("w", "Unhealthy").await;
    assert!(why.contains("Liveness probe of container c failed") && why.contains("answered 500"), "{why}");
    for _ in 0..4 {
        server.next().await;
    }
    let pod = serde_json::to_value(site.pods().get("w").await.unwrap()).unwrap();
    assert!(restarted(&pod), "{pod:#}");
    running.stop().await;
}

#[tokio::test]
async fn a_worker_that_could_not_be_probed_says_so_and_is_not_started() {
    let site = Site::new("edge", 84).await;
    let running = site.start(true).await;
    for (name, field, probe, words) in [
        ("grpc", "livenessProbe", json!({"grpc": {"port": 9000}}), ["grpc", "ask by httpGet"]),
        ("named", "startupProbe", json!({"tcpSocket": {"port": "web"}}), ["tcpSocket.port \"web\"", "give its number"]),
    ] {
        probed(&site, name, field, probe).await;
        let pod = site.until(name, |pod| state(pod, "waiting")["reason"] == "ProbeUnsupported").await;
        let message = state(&pod, "waiting")["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("{field} of container c: ")), "{message}");
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
        assert_eq!(site.event(name, "ProbeUnsupported").await, message);
        assert_eq!(pod["status"]["containerStatuses"][0]["restartCount"], 0);
        assert!(!started(&site, name).exists());
    }
    running.stop().await;
}
