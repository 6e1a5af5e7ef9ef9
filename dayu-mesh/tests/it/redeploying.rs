//! Replicas that replace each other while requests flow: none is lost.
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::support::{At, Site, client::Client, until};

const PORT: u16 = 9051;
const NODE_PORT: u16 = 30951;
const ROUNDS: u8 = 6;
/// What a local manager leaves meshes between a worker's withdrawal and its request to end.
const FAREWELL: Duration = Duration::from_millis(100);

/// A worker that ends as a good one does: it takes nothing new, and what it has begun it brings to its end.
struct Worker {
    stop: CancellationToken,
    busy: TaskTracker,
}

impl Worker {
    async fn start(address: SocketAddr) -> Self {
        let (stop, busy) = (CancellationToken::new(), TaskTracker::new());
        let listener = TcpListener::bind(address).await.unwrap();
        let (ending, connections) = (stop.clone(), busy.clone());
        busy.spawn(async move {
            while let Some(Ok((stream, _))) = ending.run_until_cancelled(listener.accept()).await {
                let ending = ending.clone();
                connections.spawn(async move {
                    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
                    tokio::pin!(connection);
                    tokio::select! {
                        _ = connection.as_mut() => {}
                        () = ending.cancelled() => {
                            connection.as_mut().graceful_shutdown();
                            let _ = connection.await;
                        }
                    }
                });
            }
        });
        Self { stop, busy }
    }

    async fn end(self) {
        self.stop.cancel();
        self.busy.close();
        self.busy.wait().await;
    }
}

async fn answer(_: http::Request<hyper::body::Incoming>) -> hyper::Result<Response<Full<Bytes>>> {
    tokio::time::sleep(Duration::from_millis(3)).await;
    Ok(Response::new(Full::new(Bytes::from_static(b"done"))))
}

/// Asks until it is told to end, on a new connection each time or on one; counts the answers.
async fn ask(to: SocketAddr, target: &str, keep: bool, answers: &AtomicU32, end: &CancellationToken) {
    let mut client = Client::connect(to).await;
    while !end.is_cancelled() {
        if !keep {
            client = Client::connect(to).await;
        }
        let answer = client.send("POST", target, &[("host", "flowing")], vec![1; 1000]).await.unwrap();
        assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"done"[..]), "{answer:?}");
        answers.fetch_add(1, Relaxed);
    }
}

#[tokio::test]
async fn no_request_is_lost() {
    let site = Site::new().await;
    site.device("edge1", 1).await;
    let service = site.service("flowing", PORT, NODE_PORT).await;
    let place = |round: u8| site.pod(1, 1 + round);
    let publish = async |round: u8| {
        let pod = format!("flowing-{round}");
        let at = At { device: "edge1", pod: &pod, address: place(round), ready: true };
        site.endpoints(&service, PORT, &[at]).await;
    };
    let mut worker = Worker::start(SocketAddr::new(place(0), PORT)).await;
    publish(0).await;
    let _mesh = site.mesh("edge1").await;
    let status = SocketAddr::new(site.address(1), 10551);
    let (end, answers) = (CancellationToken::new(), Arc::new(AtomicU32::new(0)));
    let mut clients = JoinSet::new();
    let front = SocketAddr::new(site.address(1), 10552);
    let name = "http://edge1.flowing.default.svc:9051/";
    for (to, target, keep) in [(site.node_port(1, NODE_PORT), "/", false), (front, name, false), (front, name, true)] {
        for _ in 0..4 {
            let (answers, end) = (answers.clone(), end.clone());
            clients.spawn(async move { ask(to, target, keep, &answers, &end).await });
        }
    }
    for round in 1..=ROUNDS {
        let next = Worker::start(SocketAddr::new(place(round), PORT)).await;
        let before = answers.load(Relaxed);
        publish(round).await;
        let (old, new) = (format!("flowing-{}\"", round - 1), format!("flowing-{round}\""));
        until(status, "/v1/services", |told| {
            let text = told.to_string();
            text.contains(&new) && !text.contains(&old)
        })
        .await;
        tokio::time::sleep(FAREWELL).await;
        std::mem::replace(&mut worker, next).end().await;
        assert!(answers.load(Relaxed) > before, "nothing flows in round {round}");
    }
    end.cancel();
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    worker.end().await;
}
