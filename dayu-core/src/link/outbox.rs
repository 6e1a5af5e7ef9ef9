//! What has still to reach the peer: ordered, numbered, the newest message of each object only.
use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::Message;

/// Which object a message is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    kind: String,
    namespace: String,
    name: String,
}

impl Key {
    /// The key of the object that `message` is about.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        Self { kind: message.kind.clone(), namespace: message.namespace.clone(), name: message.name.clone() }
    }
}

/// Messages that the peer has not acknowledged.
///
/// Serialisable, so that a device can keep it across restarts: store it before transmitting, restore it with its
/// incarnation, and the peer will neither miss nor repeat a message.
///
/// ```
/// use dayu_core::link::{Message, Operation, Outbox};
///
/// let status = |name, content: &'static str| Message::new("default", "pod", name, Operation::Status, content);
/// let mut outbox = Outbox::new(7);
/// for (name, content) in [("a", "starting"), ("b", "starting"), ("a", "running")] {
///     outbox.push(status(name, content));
/// }
/// // Of each object the newest, in order.
/// let waiting: Vec<u64> = outbox.since(0).map(|(seq, _)| seq).collect();
/// assert_eq!(waiting, [2, 3]);
/// outbox.acknowledge(2);
/// assert_eq!(outbox.len(), 1);
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outbox {
    session: u64,
    next: u64,
    waiting: BTreeMap<u64, Message>,
    #[serde(skip)]
    newest: HashMap<Key, u64>,
}

impl Outbox {
    /// An empty outbox. `session` distinguishes it from every earlier one of this sender; draw it at random, not 0.
    #[must_use]
    pub fn new(session: u64) -> Self {
        Self { session: session.max(1), next: 1, waiting: BTreeMap::new(), newest: HashMap::new() }
    }

    /// The incarnation.
    #[must_use]
    pub fn session(&self) -> u64 {
        self.session
    }

    /// Numbers a message and keeps it; an older one about the same object is forgotten. Gives the number.
    pub fn push(&mut self, message: Message) -> u64 {
        let seq = self.next;
        self.next += 1;
        if self.newest.len() != self.waiting.len() {
            self.index();
        }
        if let Some(older) = self.newest.insert(Key::of(&message), seq) {
            self.waiting.remove(&older);
        }
        self.waiting.insert(seq, message);
        seq
    }

    /// Forgets what the peer has taken: everything up to `seq`.
    pub fn acknowledge(&mut self, seq: u64) {
        let later = self.waiting.split_off(&seq.saturating_add(1));
        for message in std::mem::replace(&mut self.waiting, later).into_values() {
            self.newest.remove(&Key::of(&message));
        }
    }

    /// Messages in order, from number `from` on.
    pub fn since(&self, from: u64) -> impl Iterator<Item = (u64, &Message)> {
        self.waiting.range(from..).map(|(seq, message)| (*seq, message))
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Rebuilds the index, which is not stored.
    fn index(&mut self) {
        self.newest = self.waiting.iter().map(|(seq, message)| (Key::of(message), *seq)).collect();
    }
}
