//! The connection to the global manager: dialled until it stands, its session kept across connections and restarts.
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dayu_core::{
    connect::{Identity, IdentityError},
    daemon::Plight,
    link::{
        Action, CodecError, Event, Fingerprint, Frame, LARGEST_FRAME, Message, NODE_NAME, NUMBERED, PING_EVERY,
        READ_AT_ONCE, Session,
    },
    name::Device,
};
use futures::{SinkExt, StreamExt, stream::BoxStream};
use http::HeaderValue;
use kube::Client;
use rand::RngExt;
use tokio::{
    net::TcpStream,
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message as Ws,
        client::IntoClientRequest,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};
use tokio_util::{either::Either, sync::CancellationToken};

use super::{LinkMetrics, manager::Manager, outbox, publish::publish};

/// Longest dial and handshake, longest wait for a peer to take what is written.
const PATIENCE: Duration = Duration::from_secs(5);
/// First and longest wait between two dials; a random part of it is waited.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

type Socket = WebSocketStream<Either<TcpStream, TlsStream<TcpStream>>>;
/// What TLS is told as the other end's name; nobody looks at it.
const NAME: &str = "dayu-gm";

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
    #[error("the global manager moved to {}", .0.address)]
    Moved(Manager),
    #[error("the global manager does not let this device in: {0}")]
    Refused(String),
    #[error(
        "the device's key cannot be published: {0}; allow the local manager to get its Node and to write its Lease"
    )]
    Unpublished(#[from] kube::Error),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("cannot connect: {0}")]
    Connect(#[from] std::io::Error),
    #[error(transparent)]
    Socket(#[from] tungstenite::Error),
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// Where managers and messages come from, and where messages go.
pub(super) struct Ends {
    pub(super) managers: BoxStream<'static, Manager>,
    pub(super) outgoing: mpsc::Receiver<Message>,
    pub(super) delivered: mpsc::Sender<Message>,
}

/// The session and everything it is fed from.
struct Link {
    session: Session,
    store: PathBuf,
    origin: Instant,
    ends: Ends,
    metrics: LinkMetrics,
}

/// Keeps the link until `shutdown`. What is said while there is no connection is kept for the next.
pub(super) async fn run(
    client: Client,
    device: Device,
    store: PathBuf,
    ends: Ends,
    metrics: LinkMetrics,
    plight: Arc<Plight>,
    shutdown: CancellationToken,
) {
    let identity = match Identity::generate() {
        Ok(identity) => identity,
        Err(error) => return tracing::error!(%device, %error, "the device has no link to the global manager"),
    };
    let caller = Caller { client, device, identity, is_published: AtomicBool::new(false), plight };
    let session = Session::resume(outbox::restore(&store));
    let mut link = Link { session, store, origin: Instant::now(), ends, metrics };
    link.metrics.waits(link.session.outbox().len());
    shutdown.run_until_cancelled(link.keep_up(&caller)).await;
}

impl Link {
    async fn keep_up(&mut self, caller: &Caller) {
        let mut manager = self.next_manager(None).await;
        let mut wait = FIRST_WAIT;
        loop {
            // On the heap, and gone with its end: a connection lasts.
            let ended = match self.meanwhile(Box::pin(caller.dial(&manager))).await {
                Ok((socket, numbered)) => {
                    self.metrics.connected.set(1);
                    let ended = self.exchange(socket, numbered, &manager).await;
                    self.metrics.connected.set(0);
                    // One that lets nobody in is no connection that worked.
                    wait = if matches!(ended, Ended::Refused(_)) { (wait * 2).min(LONGEST_WAIT) } else { FIRST_WAIT };
                    ended
                }
                Err(ended) => {
                    wait = (wait * 2).min(LONGEST_WAIT);
                    ended
                }
            };
            self.session.step(Event::Disconnected, self.origin.elapsed());
            match ended {
                Ended::Moved(elsewhere) => {
                    manager = elsewhere;
                    continue;
                }
                Ended::Refused(_) | Ended::Unpublished(_) => {
                    caller.forget_published();
                    tracing::warn!(address = manager.address, %ended, "no link to the global manager; trying again");
                    caller.plight.grows("link to the global manager", &ended.to_string());
                }
                _ => tracing::debug!(address = manager.address, %ended, "the link to the global manager is down"),
            }
            let jittered = wait.mul_f64(rand::rng().random_range(0.5..1.0));
            // A new one is worth a try at once.
            let moved = tokio::time::timeout(jittered, self.next_manager(Some(&manager))).await;
            manager = moved.unwrap_or(manager);
        }
    }

    /// The next manager that is not the present one; what is said until then is kept.
    async fn next_manager(&mut self, present: Option<&Manager>) -> Manager {
        loop {
            tokio::select! {
                Some(manager) = self.ends.managers.next() => if Some(&manager) != present {
                    return manager;
                },
                Some(message) = self.ends.outgoing.recv() => drop(self.keep(message)),
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
                Some(message) = self.ends.outgoing.recv() => drop(self.keep(message)),
            }
        }
    }

    /// Puts a message, and those that wait behind it, into the outbox.
    fn keep(&mut self, message: Message) -> Vec<Action> {
        let mut actions = self.session.step(Event::Send(message), self.origin.elapsed());
        while let Ok(message) = self.ends.outgoing.try_recv() {
            actions.extend(self.session.step(Event::Send(message), self.origin.elapsed()));
        }
        // Before anything leaves: a restart in between must know that it may have.
        outbox::keep(&self.store, self.session.outbox());
        self.metrics.waits(self.session.outbox().len());
        actions
    }

    /// Exchanges frames until the connection ends, and says why.
    async fn exchange(&mut self, mut socket: Socket, numbered: bool, manager: &Manager) -> Ended {
        let mut ticks = tokio::time::interval(PING_EVERY);
        let mut actions = self.session.step(Event::Connected { numbered }, self.origin.elapsed());
        loop {
            if let Err(ended) = self.perform(&mut socket, actions).await {
                return ended;
            }
            let event = tokio::select! {
                Some(message) = self.ends.outgoing.recv() => {
                    actions = self.keep(message);
                    continue;
                }
                Some(elsewhere) = self.ends.managers.next() => {
                    if elsewhere != *manager {
                        return Ended::Moved(elsewhere);
                    }
                    actions = Vec::new();
                    continue;
                }
                incoming = socket.next() => heard(incoming),
                _ = ticks.tick() => Ok(Event::Tick),
            };
            match event {
                Ok(event) => {
                    actions = self.session.step(event, self.origin.elapsed());
                    self.metrics.waits(self.session.outbox().len());
                }
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
                Action::Deliver(message) => drop(self.ends.delivered.send(message).await),
                Action::Ping => put(socket, Ws::Ping(Default::default())).await?,
                Action::Close => return Err(Ended::Silent),
            }
        }
        Ok(())
    }
}

/// Who connects, and how the other end knows.
struct Caller {
    client: Client,
    device: Device,
    identity: Identity,
    is_published: AtomicBool,
    plight: Arc<Plight>,
}

impl Caller {
    /// Connects; says whether the global manager numbers and acknowledges messages.
    async fn dial(&self, manager: &Manager) -> Result<(Socket, bool), Ended> {
        timeout(PATIENCE, self.connect(manager)).await.map_err(|_| Ended::Late)?
    }

    async fn connect(&self, manager: &Manager) -> Result<(Socket, bool), Ended> {
        let mut request = format!("ws://{}/", manager.address).into_client_request()?;
        let name = HeaderValue::from_str(self.device.as_str()).map_err(|_| Ended::Name(self.device.clone()))?;
        request.headers_mut().insert(NODE_NAME, name);
        request.headers_mut().insert(NUMBERED, HeaderValue::from_static("1"));
        let config = WebSocketConfig::default()
            .max_message_size(Some(LARGEST_FRAME))
            .max_frame_size(Some(LARGEST_FRAME))
            .read_buffer_size(READ_AT_ONCE);
        let stream = TcpStream::connect(&manager.address).await?;
        stream.set_nodelay(true)?;
        let stream = match manager.key {
            Some(key) => Either::Right(self.encrypt(stream, key).await?),
            None => Either::Left(stream),
        };
        let (socket, response) = client_async_with_config(request, stream, Some(config)).await?;
        Ok((socket, response.headers().contains_key(NUMBERED)))
    }

    /// TLS to the holder of `key`, who is told ours before it is shown.
    async fn encrypt(&self, stream: TcpStream, key: Fingerprint) -> Result<TlsStream<TcpStream>, Ended> {
        if !self.is_published.load(Ordering::Relaxed) {
            publish(&self.client, &self.device, self.identity.fingerprint()).await?;
            self.is_published.store(true, Ordering::Relaxed);
        }
        let name = ServerName::try_from(NAME).map_err(|_| Ended::Name(Device::from(NAME)))?;
        Ok(TlsConnector::from(self.identity.client(key)?).connect(name, stream).await?)
    }

    /// Somebody may have taken the published key away.
    fn forget_published(&self) {
        self.is_published.store(false, Ordering::Relaxed);
    }
}

fn heard(incoming: Option<Result<Ws, tungstenite::Error>>) -> Result<Event, Ended> {
    match incoming {
        Some(Ok(Ws::Text(text))) => Ok(Event::Received(Frame::decode(&text)?)),
        Some(Ok(Ws::Close(Some(CloseFrame { code: CloseCode::Policy, reason })))) => {
            Err(Ended::Refused(reason.to_string()))
        }
        Some(Ok(Ws::Close(_))) | None => Err(Ended::Closed),
        Some(Ok(_)) => Ok(Event::Heard),
        Some(Err(error)) => Err(error.into()),
    }
}

async fn put(socket: &mut Socket, message: Ws) -> Result<(), Ended> {
    timeout(PATIENCE, socket.send(message)).await.map_err(|_| Ended::Late)??;
    Ok(())
}
