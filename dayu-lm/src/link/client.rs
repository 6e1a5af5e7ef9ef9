//! The connection to the global manager: dialled until it stands, its session kept across connections and restarts.
use std::{path::PathBuf, time::Duration};

use dayu_core::{
    link::{Action, CodecError, Event, Frame, LARGEST_FRAME, Message, NODE_NAME, NUMBERED, PING_EVERY, Session},
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

use super::outbox;

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
    #[error("the global manager moved to {0}")]
    Moved(String),
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
    addresses: BoxStream<'static, String>,
    outgoing: mpsc::Receiver<Message>,
    delivered: mpsc::Sender<Message>,
}

/// Keeps the link until `shutdown`. What is said while there is no connection is kept for the next.
pub(super) async fn run(
    device: Device,
    addresses: BoxStream<'static, String>,
    store: PathBuf,
    outgoing: mpsc::Receiver<Message>,
    delivered: mpsc::Sender<Message>,
    shutdown: CancellationToken,
) {
    let session = Session::resume(outbox::restore(&store));
    let mut link = Link { device, session, store, origin: Instant::now(), addresses, outgoing, delivered };
    shutdown.run_until_cancelled(link.keep_up()).await;
}

impl Link {
    async fn keep_up(&mut self) {
        let mut address = self.next_address(None).await;
        let mut wait = FIRST_WAIT;
        loop {
            let ended = match self.meanwhile(dial(self.device.clone(), address.clone())).await {
                Ok((socket, numbered)) => {
                    wait = FIRST_WAIT;
                    self.exchange(socket, numbered, &address).await
                }
                Err(ended) => {
                    wait = (wait * 2).min(LONGEST_WAIT);
                    ended
                }
            };
            tracing::debug!(%address, %ended, "the link to the global manager is down");
            self.session.step(Event::Disconnected, self.origin.elapsed());
            if let Ended::Moved(elsewhere) = ended {
                address = elsewhere;
                continue;
            }
            let jittered = wait.mul_f64(rand::rng().random_range(0.5..1.0));
            // A new address is worth a try at once.
            let moved = tokio::time::timeout(jittered, self.next_address(Some(&address))).await;
            address = moved.unwrap_or(address);
        }
    }

    /// The next address that is not the present one; what is said until then is kept.
    async fn next_address(&mut self, present: Option<&str>) -> String {
        loop {
            tokio::select! {
                Some(address) = self.addresses.next() => if Some(&*address) != present {
                    return address;
                },
                Some(message) = self.outgoing.recv() => drop(self.keep(message)),
                else => std::future::pending().await,
            }
        }
    }

    /// Does something else while there is no connection; what is said until then is kept.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                Some(message) = self.outgoing.recv() => drop(self.keep(message)),
            }
        }
    }

    /// Puts a message, and those that wait behind it, into the outbox.
    fn keep(&mut self, message: Message) -> Vec<Action> {
        let mut actions = self.session.step(Event::Send(message), self.origin.elapsed());
        while let Ok(message) = self.outgoing.try_recv() {
            actions.extend(self.session.step(Event::Send(message), self.origin.elapsed()));
        }
        // Before anything leaves: a restart in between must know that it may have.
        outbox::keep(&self.store, self.session.outbox());
        actions
    }

    /// Exchanges frames until the connection ends, and says why.
    async fn exchange(&mut self, mut socket: Socket, numbered: bool, address: &str) -> Ended {
        let mut ticks = tokio::time::interval(PING_EVERY);
        let mut actions = self.session.step(Event::Connected { numbered }, self.origin.elapsed());
        loop {
            if let Err(ended) = self.perform(&mut socket, actions).await {
                return ended;
            }
            let event = tokio::select! {
                Some(message) = self.outgoing.recv() => {
                    actions = self.keep(message);
                    continue;
                }
                Some(elsewhere) = self.addresses.next() => {
                    if elsewhere != address {
                        return Ended::Moved(elsewhere);
                    }
                    actions = Vec::new();
                    continue;
                }
                incoming = socket.next() => heard(incoming),
                _ = ticks.tick() => Ok(Event::Tick),
            };
            match event {
                Ok(event) => actions = self.session.step(event, self.origin.elapsed()),
                Err(ended) => return ended,
            }
        }
    }

    async fn perform(&mut self, socket: &mut Socket, actions: Vec<Action>) -> Result<(), Ended> {
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

/// Connects; says whether the global manager numbers and acknowledges messages.
async fn dial(device: Device, address: String) -> Result<(Socket, bool), Ended> {
    let mut request = format!("ws://{address}/").into_client_request()?;
    let name = HeaderValue::from_str(device.as_str()).map_err(|_| Ended::Name(device))?;
    request.headers_mut().insert(NODE_NAME, name);
    request.headers_mut().insert(NUMBERED, HeaderValue::from_static("1"));
    let config = WebSocketConfig::default().max_message_size(Some(LARGEST_FRAME)).max_frame_size(Some(LARGEST_FRAME));
    let connected = timeout(PATIENCE, connect_async_with_config(request, Some(config), true)).await;
    let (socket, response) = connected.map_err(|_| Ended::Late)??;
    Ok((socket, response.headers().contains_key(NUMBERED)))
}

fn heard(incoming: Option<Result<Ws, tungstenite::Error>>) -> Result<Event, Ended> {
    match incoming {
        Some(Ok(Ws::Text(text))) => Ok(Event::Received(Frame::decode(&text)?)),
        Some(Ok(Ws::Close(_))) | None => Err(Ended::Closed),
        Some(Ok(_)) => Ok(Event::Heard),
        Some(Err(error)) => Err(error.into()),
    }
}

async fn put(socket: &mut Socket, message: Ws) -> Result<(), Ended> {
    timeout(PATIENCE, socket.send(message)).await.map_err(|_| Ended::Late)??;
    Ok(())
}
