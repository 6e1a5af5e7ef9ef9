//! One peer's session: what is sent, taken, acknowledged, and when the peer counts as gone.
use std::time::Duration;

use super::{Frame, Message, Outbox};

/// Without a word from the peer for so long, it is asked for one.
pub const PING_EVERY: Duration = Duration::from_secs(3);
/// Without a word from the peer for so long, it counts as gone.
pub const DEAD_AFTER: Duration = Duration::from_secs(10);

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A connection to the peer is up.
    Connected {
        /// Whether the peer said that it numbers and acknowledges messages (see [`NUMBERED`](super::NUMBERED)).
        numbered: bool,
    },
    /// It is gone.
    Disconnected,
    /// A frame came.
    Received(Frame),
    /// A sign of life without content, such as a WebSocket pong.
    Heard,
    /// A message is to reach the peer.
    Send(Message),
    /// Time has passed; call at least every [`PING_EVERY`] while connected.
    Tick,
}

/// What a [`Transport`](super::Transport) received.
impl From<Option<Frame>> for Event {
    fn from(received: Option<Frame>) -> Self {
        received.map_or(Self::Heard, Self::Received)
    }
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write this frame.
    Transmit(Frame),
    /// Hand this message to whoever handles it; it comes in order and once.
    Deliver(Message),
    /// Ask the peer for a sign of life.
    Ping,
    /// Close the connection: the peer is gone.
    Close,
}

/// The state of the exchange with one peer, across connections.
#[derive(Clone, Debug)]
pub struct Session {
    outbox: Outbox,
    connection: Option<Connection>,
    /// The peer's incarnation and its newest message that was delivered.
    taken: (u64, u64),
}

#[derive(Clone, Debug)]
struct Connection {
    heard: Duration,
    pinged: Duration,
    /// Whether the peer numbers its frames: then ours stay until it acknowledges.
    numbered: bool,
}

impl Session {
    /// A session with an empty outbox of incarnation `session` (see [`Outbox::new`]).
    #[must_use]
    pub fn new(session: u64) -> Self {
        Self::resume(Outbox::new(session))
    }

    /// A session that continues with a stored outbox.
    #[must_use]
    pub fn resume(outbox: Outbox) -> Self {
        Self { outbox, connection: None, taken: (0, 0) }
    }

    /// What has still to reach the peer, to be stored where it must survive.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Whether a connection is up.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// Takes an event at `now`, a duration since any fixed moment, and says what to do, in order.
    pub fn step(&mut self, event: Event, now: Duration) -> Vec<Action> {
        if let (Some(connection), Event::Received(_) | Event::Heard) = (&mut self.connection, &event) {
            connection.heard = now;
        }
        match event {
            Event::Connected { numbered } => self.connected(numbered, now),
            Event::Disconnected => {
                self.connection = None;
                Vec::new()
            }
            Event::Received(frame) => self.received(frame),
            Event::Heard => Vec::new(),
            Event::Send(message) => self.send(message),
            Event::Tick => self.tick(now),
        }
    }

    fn connected(&mut self, numbered: bool, now: Duration) -> Vec<Action> {
        self.connection = Some(Connection { heard: now, pinged: now, numbered });
        // The first frame tells the peer what was taken of it, so that it repeats the rest only.
        let mut actions = vec![Action::Transmit(self.acknowledgement())];
        actions.extend(self.outbox.since(0).map(|(seq, message)| Action::Transmit(self.frame(seq, message.clone()))));
        actions
    }

    fn send(&mut self, message: Message) -> Vec<Action> {
        let seq = self.outbox.push(message.clone());
        if self.connection.is_some() { vec![Action::Transmit(self.frame(seq, message))] } else { Vec::new() }
    }

    fn received(&mut self, frame: Frame) -> Vec<Action> {
        if frame.ack_session == self.outbox.session() {
            self.outbox.acknowledge(frame.ack);
        }
        let Some(message) = frame.message else { return Vec::new() };
        if frame.seq == 0 {
            return vec![Action::Deliver(message)];
        }
        if self.taken.0 != frame.session {
            self.taken = (frame.session, 0);
        }
        // A repeated message was delivered before, but its acknowledgement may have been lost.
        let repeated = frame.seq <= self.taken.1;
        self.taken.1 = self.taken.1.max(frame.seq);
        let acknowledge = Action::Transmit(self.acknowledgement());
        if repeated { vec![acknowledge] } else { vec![Action::Deliver(message), acknowledge] }
    }

    fn tick(&mut self, now: Duration) -> Vec<Action> {
        let Some(connection) = &mut self.connection else { return Vec::new() };
        if now.saturating_sub(connection.heard) >= DEAD_AFTER {
            self.connection = None;
            return vec![Action::Close];
        }
        if now.saturating_sub(connection.heard.max(connection.pinged)) < PING_EVERY {
            return Vec::new();
        }
        connection.pinged = now;
        vec![Action::Ping]
    }

    /// Call after a message was written to a peer that does not number: nobody will ever acknowledge it.
    pub fn written(&mut self, seq: u64) {
        if self.connection.as_ref().is_some_and(|connection| !connection.numbered) {
            self.outbox.acknowledge(seq);
        }
    }

    fn acknowledgement(&self) -> Frame {
        let session = self.outbox.session();
        Frame { session, ack_session: self.taken.0, ack: self.taken.1, ..Frame::default() }
    }

    fn frame(&self, seq: u64, message: Message) -> Frame {
        Frame { seq, message: Some(message), ..self.acknowledgement() }
    }
}
