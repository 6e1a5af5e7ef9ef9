//! A mesh that is told to end takes nothing new, and lets what it carries come to its end.
use std::net::SocketAddr;

use dayu_mesh::{Handle, Options, run_with};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::support::{At, PATIENCE, Site, client::rest};

/// A site with a worker that answers when the test lets it, and a mesh that can be told to end.
struct Draining {
    site: Site,
    worker: TcpListener,
    mesh: Handle,
    front: SocketAddr,
    stop: CancellationToken,
}

impl Draining {
    async fn start(drain: u64) -> Self {
        let site = Site::new().await;
        site.device("edge1", 1).await;
        let worker = TcpListener::bind(SocketAddr::new(site.pod(1, 1), 9000)).await.unwrap();
        let service = site.service("slow", 9000, 30900).await;
        site.endpoints(&service, 9000, &[At { device: "edge1", pod: "slow-1", address: site.pod(1, 1), ready: true }])
            .await;
        let stop = CancellationToken::new();
        let options = Options { drain, ..Options::of("edge1") };
        let mut mesh = run_with(site.client.clone(), options, stop.clone());
        let front = mesh.ready().await.expect("the mesh ended").front;
        Self { site, worker, mesh, front, stop }
    }

    /// Asks through the front, and gives both ends once the worker has the request.
    async fn ask(&self) -> (TcpStream, TcpStream) {
        let mut client = TcpStream::connect(self.front).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: edge1.slow.default.svc:9000\r\n\r\n").await.unwrap();
        let (mut server, _) = self.worker.accept().await.unwrap();
        let mut head = [0; 1];
        server.read_exact(&mut head).await.unwrap();
        (client, server)
    }
}

#[tokio::test]
async fn a_request_that_is_under_way_gets_its_answer_and_no_new_one_is_taken() {
    let draining = Draining::start(30).await;
    let (client, mut server) = draining.ask().await;
    let idle = TcpStream::connect(draining.front).await.unwrap();
    let mut raw = TcpStream::connect(draining.site.node_port(1, 30900)).await.unwrap();
    raw.write_all(b"question").await.unwrap();
    let (mut answering, _) = draining.worker.accept().await.unwrap();
    answering.read_exact(&mut [0; 8]).await.unwrap();

    draining.stop.cancel();
    assert_eq!(rest(idle).await.unwrap(), "", "one that carries nothing is closed");
    for address in [draining.front, draining.site.node_port(1, 30900)] {
        assert!(TcpStream::connect(address).await.is_err(), "{address} still takes connections");
    }
    server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone").await.unwrap();
    assert!(rest(client).await.unwrap().ends_with("done"));
    answering.write_all(b"answer").await.unwrap();
    drop(answering);
    assert_eq!(rest(raw).await.unwrap(), "answer");
    timeout(PATIENCE, draining.mesh.finished()).await.expect("nothing is carried any more").unwrap();
}

#[tokio::test]
async fn what_does_not_end_is_cut_when_the_time_is_over() {
    let draining = Draining::start(0).await;
    let (client, _server) = draining.ask().await;
    draining.stop.cancel();
    timeout(PATIENCE, draining.mesh.finished()).await.expect("it waits for ever").unwrap();
    assert!(!rest(client).await.unwrap_or_default().contains("200"));
}
