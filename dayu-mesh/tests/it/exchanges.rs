//! Requests through the HTTP front whose client or worker does not wait for the other's end.
use std::net::SocketAddr;

use dayu_mesh::{Handle, relay::reset_on_close};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::support::{
    At, PATIENCE, Site,
    client::{get, rest},
};

const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: early.default.svc:9030\r\n\r\n";

/// A device with a mesh and a Service `early` of one worker, which the test plays.
struct Early {
    worker: TcpListener,
    front: SocketAddr,
    _site: Site,
    _mesh: Handle,
}

impl Early {
    async fn start() -> Self {
        let site = Site::new().await;
        site.device("edge1", 1).await;
        let worker = TcpListener::bind(SocketAddr::new(site.pod(1, 1), 9030)).await.unwrap();
        let service = site.service("early", 9030, 30930).await;
        let at = At { device: "edge1", pod: "early-1", address: site.pod(1, 1), ready: true };
        site.endpoints(&service, 9030, &[at]).await;
        let mut mesh = site.mesh("edge1").await;
        let front = mesh.ready().await.unwrap().front;
        Self { worker, front, _site: site, _mesh: mesh }
    }

    /// Sends `request` to the front, and gives both ends once the worker has its head.
    async fn ask(&self, request: &[u8]) -> (TcpStream, TcpStream) {
        let mut client = TcpStream::connect(self.front).await.unwrap();
        client.write_all(request).await.unwrap();
        let (mut server, _) = self.worker.accept().await.unwrap();
        read_head(&mut server).await;
        (client, server)
    }
}

async fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
}

#[tokio::test]
async fn a_client_that_has_said_its_last_gets_its_answer() {
    let early = Early::start().await;
    let (mut client, mut server) = early.ask(ASK).await;
    client.shutdown().await.unwrap();
    // The front has had the end for as long as another whole exchange takes.
    assert!(get(early.front, "/").await.is_ok());
    server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhalf").await.unwrap();
    let answer = rest(client).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("half"), "{answer:?}");
}

#[tokio::test]
async fn an_exchange_whose_client_is_gone_ends() {
    let early = Early::start().await;
    for says_its_last in [false, true] {
        let (mut client, server) = early.ask(ASK).await;
        if says_its_last {
            client.shutdown().await.unwrap();
        }
        reset_on_close(&client);
        drop(client);
        assert_eq!(rest(server).await.unwrap(), "", "the worker learns that nobody waits");
    }
    let (client, mut server) = early.ask(ASK).await;
    drop(client);
    server.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let told = timeout(PATIENCE, async { while server.write_all(&[7; 1024]).await.is_ok() {} });
    told.await.expect("an answer without an end is not read for nobody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn an_answer_that_comes_before_the_request_is_whole_reaches_the_client() {
    let early = Early::start().await;
    let (worker, front) = (early.worker, early.front);
    let refusing = tokio::spawn(async move {
        loop {
            let (mut server, _) = worker.accept().await.unwrap();
            read_head(&mut server).await;
            server.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge").await.unwrap();
        }
    });
    let mut lost = Vec::new();
    for round in 0..200 {
        let client = TcpStream::connect(front).await.unwrap();
        let (mut reading, mut writing) = client.into_split();
        let frame = vec![7; 2 * 1024 * 1024];
        let head = format!(
            "POST / HTTP/1.1\r\nHost: early.default.svc:9030\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            frame.len()
        );
        let sending = tokio::spawn(async move {
            writing.write_all(head.as_bytes()).await?;
            writing.write_all(&frame).await
        });
        let mut answer = String::new();
        timeout(PATIENCE, reading.read_to_string(&mut answer)).await.expect("no end").unwrap();
        if !(answer.starts_with("HTTP/1.1 413") && answer.ends_with("large")) {
            lost.push((round, answer));
        }
        sending.await.unwrap().unwrap_or_else(|error| panic!("{round}: the client could not send all: {error}"));
    }
    refusing.abort();
    // On a machine that is busy enough the worker's reset may overtake its answer on the way to the mesh: nobody has it then.
    assert!(lost.len() < 3, "{lost:?}");
}

#[tokio::test]
async fn a_request_that_its_client_breaks_off_is_the_clients_doing() {
    let early = Early::start().await;
    let half = b"POST / HTTP/1.1\r\nHost: early.default.svc:9030\r\nContent-Length: 9\r\n\r\nhalf";
    let (mut client, _server) = early.ask(half).await;
    client.shutdown().await.unwrap();
    let answer = rest(client).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("x-dayu-reason: ClientBroke"), "{answer:?}");
}
