//! The mesh's stream of routes to this device, of what hinders it and of what it remarks: server-sent events over one long
//! request, opened again when it breaks.
use std::{net::SocketAddr, sync::Arc, time::Duration};

use dayu_core::{
    daemon::{Plight, Remark, Trouble},
    name::Device,
};
use http::{Request, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    sync::{Notify, mpsc},
};
use tokio_util::sync::CancellationToken;

use super::activations::{News, Route};

/// First and longest wait between two attempts to reach a mesh that is not there.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Events above this many bytes are not ours.
const LARGEST_EVENT: usize = 64 * 1024;

/// Why the stream broke; the next one begins with everything anew.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("cannot connect: {0}")]
    Connect(#[from] std::io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("cannot ask: {0}")]
    Request(#[from] http::Error),
    #[error("answered {0}")]
    Status(http::StatusCode),
    #[error("an event above {LARGEST_EVENT} bytes")]
    TooLarge,
    #[error("nobody listens any more")]
    Unheard,
}

/// What the mesh says goes there: it may change no object, so what hinders it and what it remarks is ours to tell.
pub(super) struct Heard {
    pub(super) device: Device,
    pub(super) routes: mpsc::Sender<News>,
    pub(super) remarks: mpsc::Sender<Remark>,
    pub(super) plight: Arc<Plight>,
}

impl Heard {
    async fn tell(&self, news: News) -> Result<(), Broken> {
        self.routes.send(news).await.map_err(|_| Broken::Unheard)
    }

    async fn take(&self, said: Said) -> Result<(), Broken> {
        match said {
            Said::Route(route) => self.tell(News::Route(route)).await?,
            Said::Hindered(Trouble { what, why }) => self.plight.grows(&format!("mesh: {what}"), &why),
            // Routes do not wait for them. Whoever is too many now is told again with the next stream.
            Said::Remark(remark) => drop(self.remarks.try_send(remark)),
        }
        Ok(())
    }
}

/// Follows the mesh at `address` until `shutdown`. One that stays away is looked for ever less often, and often again once it
/// was there or is `wanted`.
pub(super) async fn follow(address: SocketAddr, heard: Heard, wanted: Arc<Notify>, shutdown: CancellationToken) {
    let mut wait = FIRST_WAIT;
    while !shutdown.is_cancelled() {
        let Some(ended) = shutdown.run_until_cancelled(stream(address, &heard)).await else { return };
        match ended {
            Err(Broken::Unheard) => return,
            Err(Broken::Connect(_)) => {}
            _ => wait = FIRST_WAIT,
        }
        if let Err(broken) = ended {
            tracing::debug!(%address, %broken, "the mesh's routes are not to be had yet");
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(LONGEST_WAIT),
            () = wanted.notified() => wait = FIRST_WAIT,
        }
    }
}

async fn stream(address: SocketAddr, heard: &Heard) -> Result<(), Broken> {
    let socket = TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
    let _driver = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(connection));
    // What goes elsewhere is others' to acknowledge.
    let target = format!("/v1/watch?device={}", heard.device);
    let request = Request::get(target).header(header::HOST, address.to_string()).body(Empty::<bytes::Bytes>::new())?;
    let answer = sender.send_request(request);
    // While it is there, a request that is handed over as the connection ends may wait in between for ever.
    drop(sender);
    let response = answer.await?;
    if !response.status().is_success() {
        return Err(Broken::Status(response.status()));
    }
    let ended = hear(response.into_body(), heard).await;
    heard.tell(News::Lost).await?;
    ended
}

async fn hear(mut body: Incoming, heard: &Heard) -> Result<(), Broken> {
    let mut events = Events::default();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        for said in events.feed(&data)? {
            heard.take(said).await?;
        }
    }
    Ok(())
}

/// An event that is for us.
enum Said {
    Route(Box<Route>),
    Hindered(Trouble),
    Remark(Remark),
}

/// Cuts a byte stream into events and keeps those that are for us.
#[derive(Default)]
struct Events {
    pending: Vec<u8>,
}

impl Events {
    fn feed(&mut self, data: &[u8]) -> Result<Vec<Said>, Broken> {
        self.pending.extend_from_slice(data);
        let mut all = Vec::new();
        while let Some(end) = self.pending.windows(2).position(|pair| pair == b"\n\n") {
            all.extend(said(&self.pending[..end]));
            self.pending.drain(..end + 2);
        }
        if self.pending.len() > LARGEST_EVENT { Err(Broken::TooLarge) } else { Ok(all) }
    }
}

/// What an event says; one that cannot be read is not about a route that was asked for.
fn said(event: &[u8]) -> Option<Said> {
    let text = std::str::from_utf8(event).ok()?;
    let field =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim_start);
    let data = field("data")?;
    match field("event")? {
        "route" => serde_json::from_str(data).ok().map(Said::Route),
        "hindered" => serde_json::from_str(data).ok().map(Said::Hindered),
        "remark" => serde_json::from_str(data).ok().map(Said::Remark),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpSocket},
        time::{Instant, timeout},
    };

    use super::*;

    /// How long it takes, in virtual time, until the one that follows comes to `listener`; it is sent away with an empty stream.
    async fn comes(listener: &TcpListener) -> Duration {
        let since = Instant::now();
        let (mut socket, _) = timeout(Duration::from_secs(3600), listener.accept()).await.unwrap().unwrap();
        let took = since.elapsed();
        let mut request = [0; 64];
        assert!(socket.read(&mut request).await.unwrap() > 0);
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        took
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_stays_away_is_looked_for_seldom_unless_it_is_wanted() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        let ((routes, _seen), (remarks, _remarked), (plight, _)) = (mpsc::channel(8), mpsc::channel(1), Plight::new());
        let heard = Heard { device: "edge1".into(), routes, remarks, plight: Arc::new(plight) };
        let wanted = Arc::new(Notify::new());
        let shutdown = CancellationToken::new();
        let follower = tokio::spawn(follow(address, heard, wanted.clone(), shutdown.clone()));
        // Just after one attempt of many.
        tokio::time::sleep(LONGEST_WAIT * 20 + Duration::from_secs(2)).await;
        let listener = socket.listen(8).unwrap();
        let seldom = comes(&listener).await;
        assert!(seldom > FIRST_WAIT * 2 && seldom <= LONGEST_WAIT, "{seldom:?}");
        let again = comes(&listener).await;
        assert!(again <= FIRST_WAIT * 2, "it was there: {again:?}");
        wanted.notify_one();
        let at_once = comes(&listener).await;
        assert!(at_once < FIRST_WAIT / 2, "{at_once:?}");
        shutdown.cancel();
        follower.await.unwrap();
    }

    #[test]
    fn events_are_cut_wherever_the_bytes_are() {
        let data = r#"{"serviceUID":"s","runtimeServiceUID":"u","deploymentRevision":1,"runtimeID":"a","state":"APPLIED","localSequence":1,"sourceState":"SYNCED","targetNode":"d","endpointPodUID":"p","observedAt":"2026-01-02T03:04:05Z"}"#;
        let trouble = r#"{"what":"watch of Services","why":"may not watch services: no"}"#;
        let remark = r#"{"service":{"namespace":"ns","name":"det"},"uid":"u","note":"ignored"}"#;
        let text = format!(
            ": hello\n\nevent: change\ndata: {{\"version\":1}}\n\nevent: route\ndata: {data}\n\nevent: hindered\ndata: {trouble}\n\n\
             event: remark\ndata: {remark}\n\n"
        );
        for cut in 0..text.len() {
            let mut events = Events::default();
            let mut all = events.feed(&text.as_bytes()[..cut]).unwrap();
            all.extend(events.feed(&text.as_bytes()[cut..]).unwrap());
            let [Said::Route(route), Said::Hindered(trouble), Said::Remark(remark)] = all.as_slice() else {
                panic!("cut at {cut}")
            };
            let told = (route.runtime_id.as_str(), trouble.what.as_str(), remark.note.as_str());
            assert_eq!(told, ("a", "watch of Services", "ignored"));
        }
    }
}
