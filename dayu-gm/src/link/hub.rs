//! The sessions of all devices: messages in, messages out, who is connected.
use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use dayu_core::{
    link::{Action, Event, Frame, Message, Session},
    name::Device,
};
use parking_lot::Mutex;
use tokio::{sync::mpsc, time::Instant};

/// Frames that wait for one slow socket; beyond, the connection is cut and everything is repeated on the next.
const SLOW: usize = 1024;
/// Sessions kept; a device beyond is refused until the global manager restarts.
const MOST_DEVICES: usize = 20_000;

/// What comes up from the devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// The device's local manager is connected.
    Connected(Device),
    /// It is not any more.
    Disconnected(Device),
    /// It says something about an object.
    Said(Device, Message),
}

/// All sessions. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

struct Inner {
    peers: Mutex<HashMap<Device, Peer>>,
    upstream: mpsc::Sender<Upstream>,
    origin: Instant,
    incarnation: u64,
}

struct Peer {
    session: Session,
    /// Connections so far, which numbers them.
    connections: u64,
    socket: Option<Socket>,
}

struct Socket {
    number: u64,
    outgoing: mpsc::Sender<Outgoing>,
}

/// What a connection is to write.
pub(super) enum Outgoing {
    Frame(Frame),
    Ping,
}

/// One connection's place in the hub; giving it up tells the hub.
pub(super) struct Seat {
    hub: Weak<Inner>,
    device: Device,
    number: u64,
}

impl Hub {
    /// A hub without sessions; what devices say goes to `upstream`. `incarnation` is drawn at random, once per process.
    #[must_use]
    pub fn new(upstream: mpsc::Sender<Upstream>, incarnation: u64) -> Self {
        let (peers, origin) = (Mutex::default(), Instant::now());
        Self { inner: Arc::new(Inner { peers, upstream, origin, incarnation }) }
    }

    /// Sends `message` to `device`, now or when it connects; a newer one about the same object replaces it until then.
    pub fn send(&self, device: &Device, message: Message) {
        let mut peers = self.inner.peers.lock();
        if peers.len() >= MOST_DEVICES && !peers.contains_key(device) {
            tracing::warn!(%device, "{MOST_DEVICES} devices have sessions already; a message to another is dropped");
            return;
        }
        let peer = peers.entry(device.clone()).or_insert_with(|| self.inner.peer());
        self.inner.perform(peer, Event::Send(message));
    }

    /// Whether the local manager of `device` is connected.
    #[must_use]
    pub fn is_connected(&self, device: &Device) -> bool {
        self.inner.peers.lock().get(device).is_some_and(|peer| peer.socket.is_some())
    }

    /// How many devices are connected.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.inner.peers.lock().values().filter(|peer| peer.socket.is_some()).count()
    }

    /// Seats a new connection of `device`; an older one of the same device is cut. None when the house is full. `numbered` as
    /// in [`Event::Connected`].
    pub(super) fn seat(&self, device: &Device, numbered: bool) -> Option<(Seat, mpsc::Receiver<Outgoing>)> {
        let mut peers = self.inner.peers.lock();
        if peers.len() >= MOST_DEVICES && !peers.contains_key(device) {
            return None;
        }
        let peer = peers.entry(device.clone()).or_insert_with(|| self.inner.peer());
        peer.connections += 1;
        let number = peer.connections;
        // All that waits goes out at once; it must not look like a peer that does not read.
        let (outgoing, frames) = mpsc::channel(SLOW + peer.session.outbox().len());
        peer.socket = Some(Socket { number, outgoing });
        self.inner.perform(peer, Event::Connected { numbered });
        drop(peers);
        Some((Seat { hub: Arc::downgrade(&self.inner), device: device.clone(), number }, frames))
    }
}

impl Inner {
    fn peer(&self) -> Peer {
        Peer { session: Session::new(self.incarnation), connections: 0, socket: None }
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// Steps the session and does what it says, but for messages to deliver: these are given back.
    fn perform(&self, peer: &mut Peer, event: Event) -> Vec<Message> {
        let mut delivered = Vec::new();
        for action in peer.session.step(event, self.now()) {
            let outgoing = match action {
                Action::Deliver(message) => {
                    delivered.push(message);
                    continue;
                }
                Action::Transmit(frame) => Outgoing::Frame(frame),
                Action::Ping => Outgoing::Ping,
                Action::Close => {
                    peer.socket = None;
                    continue;
                }
            };
            // A full queue means a peer that does not read: cut it, the outbox repeats everything on the next connection.
            if peer.socket.as_ref().is_some_and(|socket| socket.outgoing.try_send(outgoing).is_err()) {
                peer.socket = None;
                peer.session.step(Event::Disconnected, self.now());
            }
        }
        delivered
    }
}

impl Seat {
    /// Tells the session what happened; gives messages in order, or `None` when this connection has been replaced or cut.
    pub(super) fn event(&self, event: Event) -> Option<Vec<Message>> {
        let hub = self.hub.upgrade()?;
        let mut peers = hub.peers.lock();
        let peer = peers.get_mut(&self.device).filter(|peer| self.holds(peer))?;
        let delivered = hub.perform(peer, event);
        self.holds(peer).then_some(delivered)
    }

    /// The frame of that number has been written.
    pub(super) fn written(&self, seq: u64) {
        let Some(hub) = self.hub.upgrade() else { return };
        if let Some(peer) = hub.peers.lock().get_mut(&self.device).filter(|peer| self.holds(peer)) {
            peer.session.written(seq);
        }
    }

    /// Passes on what the device said, waiting while the receiver is busy: the socket is not read meanwhile.
    pub(super) async fn say(&self, upstream: Upstream) {
        let Some(hub) = self.hub.upgrade() else { return };
        // The receiver is gone only when the whole process ends.
        let _ = hub.upstream.send(upstream).await;
    }

    /// Gives the place up, if it has not been taken away already.
    pub(super) fn leave(&self) {
        let Some(hub) = self.hub.upgrade() else { return };
        let mut peers = hub.peers.lock();
        if let Some(peer) = peers.get_mut(&self.device).filter(|peer| self.holds(peer)) {
            peer.socket = None;
            peer.session.step(Event::Disconnected, hub.now());
        }
    }

    fn holds(&self, peer: &Peer) -> bool {
        peer.socket.as_ref().is_some_and(|socket| socket.number == self.number)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave();
    }
}
