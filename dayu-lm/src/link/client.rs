//! The connection to the global manager: dialled until it stands, its session kept across connections and restarts.
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use dayu_core::{
    link::{Action, CodecError, Event, Frame, LARGEST_FRAME, Message, Outbox, PING_EVERY, Session},
    name::Device,
};
use futures::{SinkExt, StreamExt, stream::BoxStream};
use http::HeaderValue;
use rand::RngExt;
use tokio::{
    net::TcpStream,
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{self, Message as Ws, client::IntoClientRequest, protocol::WebSocketConfig},
};
use tokio_util::sync::CancellationToken;

/// Longest dial and handshake, longest wait for a peer to take what is written.
const PATIENCE: Duration = Duration::from_secs(5);
/// First and longest wait between two dials; a random part of it is waited.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why a connection ended; another is made.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Late,
    #[error("device name {0} cannot stand in a header")]
    Name(Device),
    #[error("closed by the global manager")]
    Closed,
    #[error("silent for too long")]
    Silent,
    #[error("the global manager moved")]
    Moved,
    #[error(transparent)]
    Socket(#[from] tungstenite::Error),
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// The session and everything it is fed from.
struct Link {
    device: Device,
    session: Session,
    store: PathBuf,
    origin: Instant,
    outgoing: mpsc::Receiver<Message>,
    delivered: mpsc::Sender<Message>,
}

/// Keeps the link until `shutdown` or until nobody sends any more.
pub(super) async fn run(
    device: Device,
    mut addresses: BoxStream<'static, String>,
    store: PathBuf,
    outgoing: mpsc::Receiver<Message>,
    delivered: mpsc::Sender<Message>,
    shutdown: CancellationToken,
) {
    let session = Session::resume(restore(&store));
    let mut link = Link { device, session, store, origin: Instant::now(), outgoing, delivered };
    let Some(Some(mut address)) = shutdown.run_until_cancelled(addresses.next()).await else { return };
    let mut wait = FIRST_WAIT;
    while !shutdown.is_cancelled() {
        let mut stood = false;
        let ended = tokio::select! {
            () = shutdown.cancelled() => return,
            ended = link.connect(&address, &mut stood) => ended,
            Some(moved) = next_other(&mut addresses, &address) => {
                address = moved;
                Ended::Moved
            }
        };
        tracing::debug!(%address, %ended, "the link to the global manager is down");
        link.session.step(Event::Disconnected, link.origin.elapsed());
        wait = if stood || matches!(ended, Ended::Moved) { FIRST_WAIT } else { (wait * 2).min(LONGEST_WAIT) };
        let jittered = wait.mul_f64(rand::rng().random_range(0.5..1.0));
        if shutdown.run_until_cancelled(tokio::time::sleep(jittered)).await.is_none() {
            return;
        }
    }
}

/// The next address that differs from the present one.
async fn next_other(addresses: &mut BoxStream<'static, String>, present: &str) -> Option<String> {
    loop {
        match addresses.next().await {
            Some(address) if address != present => return Some(address),
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}

impl Link {
    /// Dials `address` and exchanges frames until the connection ends.
    async fn connect(&mut self, address: &str, stood: &mut bool) -> Ended {
        match self.dial(address).await {
            Ok(mut socket) => {
                *stood = true;
                match self.exchange(&mut socket).await {
                    Ok(()) => Ended::Closed,
                    Err(ended) => ended,
                }
            }
            Err(ended) => ended,
        }
    }

    async fn dial(&self, address: &str) -> Result<Socket, Ended> {
        let mut request = format!("ws://{address}/").into_client_request()?;
        let name = HeaderValue::from_str(self.device.as_str()).map_err(|_| Ended::Name(self.device.clone()))?;
        request.headers_mut().insert("Node-Name", name);
        let config =
            WebSocketConfig::default().max_message_size(Some(LARGEST_FRAME)).max_frame_size(Some(LARGEST_FRAME));
        let (socket, _) = timeout(PATIENCE, connect_async_with_config(request, Some(config), true))
            .await
            .map_err(|_| Ended::Late)??;
        Ok(socket)
    }

    async fn exchange(&mut self, socket: &mut Socket) -> Result<(), Ended> {
        self.perform(socket, Event::Connected).await?;
        let mut ticks = tokio::time::interval(PING_EVERY);
        loop {
            let event = tokio::select! {
                message = self.outgoing.recv() => match message {
                    Some(message) => Event::Send(message),
                    None => return Ok(()),
                },
                incoming = socket.next() => match incoming {
                    Some(Ok(Ws::Text(text))) => Event::Received(Frame::decode(&text)?),
                    Some(Ok(Ws::Close(_))) | None => return Err(Ended::Closed),
                    Some(Ok(_)) => Event::Heard,
                    Some(Err(error)) => return Err(error.into()),
                },
                _ = ticks.tick() => Event::Tick,
            };
            self.perform(socket, event).await?;
        }
    }

    async fn perform(&mut self, socket: &mut Socket, event: Event) -> Result<(), Ended> {
        let changes_outbox = matches!(event, Event::Send(_));
        let actions = self.session.step(event, self.origin.elapsed());
        if changes_outbox {
            // Before the message leaves: a restart in between must know that it may have.
            keep(&self.store, self.session.outbox());
        }
        for action in actions {
            match action {
                Action::Transmit(frame) => {
                    put(socket, Ws::text(frame.encode()?)).await?;
                    self.session.written(frame.seq);
                }
                // The receiver is gone only when the whole link ends.
                Action::Deliver(message) => drop(self.delivered.send(message).await),
                Action::Ping => put(socket, Ws::Ping(Default::default())).await?,
                Action::Close => return Err(Ended::Silent),
            }
        }
        Ok(())
    }
}

async fn put(socket: &mut Socket, message: Ws) -> Result<(), Ended> {
    timeout(PATIENCE, socket.send(message)).await.map_err(|_| Ended::Late)??;
    Ok(())
}

/// The stored outbox, or an empty one of a new incarnation when there is none that can be read.
fn restore(store: &Path) -> Outbox {
    let stored = std::fs::read(store).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    stored.unwrap_or_else(|| Outbox::new(rand::rng().random()))
}

/// Stores the outbox by write and rename. A failure costs durability, not the message: it is said once per failure.
fn keep(store: &Path, outbox: &Outbox) {
    let beside = store.with_extension("new");
    let written = serde_json::to_vec(outbox)
        .map_err(std::io::Error::other)
        .and_then(|bytes| std::fs::write(&beside, bytes))
        .and_then(|()| std::fs::rename(&beside, store));
    if let Err(error) = written {
        tracing::warn!(store = %store.display(), %error, "cannot store what the global manager has not acknowledged; free space or fix the folder");
    }
}
