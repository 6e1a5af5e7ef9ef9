//! The link between the global manager and the local managers: messages, codec, and an ordered, acknowledged session.
//!
//! Sans-IO: a [`Session`] is told what happened ([`Event`]) and says what to do ([`Action`]); whoever owns the [`Transport`]
//! performs it. Frames are those that Sedna's managers exchange, so either side may be one of theirs: such a peer carries no
//! sequence numbers and gets at-most-once delivery, as it always had. Between two of ours each message is delivered in order
//! and once, across reconnects and restarts, and a newer message for an object replaces an older one that nobody has
//! acknowledged: what travels is the latest state of each object, not a log.
//!
//! ```
//! use dayu_core::link::{Action, Event, Message, Operation, Session};
//! use std::time::Duration;
//!
//! let mut gm = Session::new(7);
//! let mut lm = Session::new(9);
//! gm.step(Event::Send(Message::new("default", "runtimeservice", "a", Operation::Insert, b"{}".as_slice())), Duration::ZERO);
//! // Nothing leaves before the connection is there; then the message does.
//! let actions = gm.step(Event::Connected { numbered: true }, Duration::ZERO);
//! let Some(Action::Transmit(frame)) = actions.into_iter().find(|action| matches!(action, Action::Transmit(f) if f.seq == 1))
//! else { panic!("no message left") };
//! let delivered = lm.step(Event::Received(frame), Duration::ZERO);
//! assert!(delivered.iter().any(|action| matches!(action, Action::Deliver(message) if message.name == "a")));
//! ```
mod activation;
mod fingerprint;
mod frame;
mod handshake;
mod outbox;
mod session;
#[cfg(test)]
mod tests;
mod transport;
#[cfg(feature = "websocket")]
mod websocket;

pub use activation::{AckError, ActivationAck, ActivationMetadata, ActivationRequest};
pub use fingerprint::{Fingerprint, NoFingerprint};
pub use frame::{CodecError, Frame, LARGEST_FRAME, Message, Operation};
pub use handshake::{MANAGER_LEASE, NODE_NAME, NUMBERED, lease_of};
pub use outbox::{Key, Outbox};
pub use session::{Action, DEAD_AFTER, Event, PING_EVERY, Session};
#[cfg(feature = "test-util")]
pub use transport::MockTransport;
pub use transport::{Transport, TransportError};
#[cfg(feature = "websocket")]
pub use websocket::WebSocket;
