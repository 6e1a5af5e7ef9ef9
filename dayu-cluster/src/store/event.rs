//! The remembered events of one collection, and those who follow them.
//!
//! Writers never wait for readers: a watcher is a position in a shared, bounded window of events. One that falls out of
//! the window is told so and lists again, as Kubernetes has it.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::{Object, StoreError};

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Added,
    Modified,
    Deleted,
}

/// A change, with the object before it.
#[derive(Debug)]
pub struct Event {
    pub change: Change,
    /// The version of this event; of a deletion too.
    pub resource_version: u64,
    /// The new state; of a deletion the last one, its `resourceVersion` that of the deletion.
    pub object: Arc<Object>,
    /// The state before: `None` for additions.
    pub previous: Option<Arc<Object>>,
    view: OnceLock<Arc<dyn Any + Send + Sync>>,
}

impl Event {
    pub(super) fn new(change: Change, object: Arc<Object>, previous: Option<Arc<Object>>) -> Self {
        let resource_version = object.meta.resource_version;
        Self { change, resource_version, object, previous, view: OnceLock::new() }
    }

    /// The object as a type that several watchers read it as: parsed once for all of them. What does not fit the type
    /// is its default.
    pub(crate) fn view<T: DeserializeOwned + Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let read = || Arc::new(self.object.parse::<T>().unwrap_or_default());
        // Another type than the first one's is read anew each time: there is none so far.
        self.view.get_or_init(|| read()).clone().downcast().unwrap_or_else(|_| read())
    }
}

/// How many events a collection remembers.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    pub events: usize,
    pub bytes: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self { events: 16 * 1024, bytes: 8 * 1024 * 1024 }
    }
}

#[derive(Debug)]
pub(super) struct History {
    window: Window,
    past: Mutex<Past>,
    latest: watch::Sender<u64>,
}

#[derive(Debug)]
struct Past {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    /// Everything after this version is remembered.
    complete_since: u64,
}

impl History {
    pub(super) fn new(window: Window, since: u64) -> Self {
        let past = Past { events: VecDeque::new(), bytes: 0, complete_since: since };
        Self { window, past: Mutex::new(past), latest: watch::Sender::new(since) }
    }

    /// Remembers an event, and hands out what is forgotten for it.
    pub(super) fn push(&self, event: Arc<Event>) -> Vec<Arc<Event>> {
        let mut past = self.past.lock();
        let mut forgotten = Vec::new();
        past.bytes += event.object.json.len();
        past.events.push_back(event);
        while past.events.len() > self.window.events || past.bytes > self.window.bytes {
            let Some(oldest) = past.events.pop_front() else { break };
            past.bytes -= oldest.object.json.len();
            past.complete_since = oldest.resource_version;
            forgotten.push(oldest);
        }
        forgotten
    }

    /// Wakes those who wait for events up to this version; two writers may come here in either order.
    pub(super) fn tell(&self, version: u64) {
        self.latest.send_if_modified(|latest| {
            let newer = version > *latest;
            *latest = version.max(*latest);
            newer
        });
    }

    pub(super) fn follow(self: &Arc<Self>, after: u64) -> Result<Watch, StoreError> {
        let oldest = self.past.lock().complete_since;
        if after < oldest {
            return Err(StoreError::Gone { asked: after, oldest });
        }
        Ok(Watch { latest: self.latest.subscribe(), history: self.clone(), after })
    }

    fn after(&self, version: u64, limit: usize) -> Result<Vec<Arc<Event>>, StoreError> {
        let past = self.past.lock();
        if version < past.complete_since {
            return Err(StoreError::Gone { asked: version, oldest: past.complete_since });
        }
        let start = past.events.partition_point(|event| event.resource_version <= version);
        Ok(past.events.range(start..).take(limit).cloned().collect())
    }
}

/// A follower of one collection.
#[derive(Debug)]
pub struct Watch {
    history: Arc<History>,
    latest: watch::Receiver<u64>,
    after: u64,
}

impl Watch {
    /// The next events, at least one, in order; waits for them. Cancel-safe.
    ///
    /// # Errors
    /// [`StoreError::Gone`] when events were forgotten before they were read: list again.
    pub async fn next(&mut self) -> Result<Vec<Arc<Event>>, StoreError> {
        loop {
            self.latest.mark_unchanged();
            let events = self.ready()?;
            if !events.is_empty() {
                return Ok(events);
            }
            // Cannot fail: `self.history` holds the sender.
            let _ = self.latest.changed().await;
        }
    }

    /// The events that are there already, without waiting; empty when none is.
    ///
    /// # Errors
    /// As [`Watch::next`].
    pub fn ready(&mut self) -> Result<Vec<Arc<Event>>, StoreError> {
        const BATCH: usize = 256;
        let events = self.history.after(self.after, BATCH)?;
        if let Some(last) = events.last() {
            self.after = last.resource_version;
        }
        Ok(events)
    }

    /// Nothing is waiting to be handed out.
    pub fn is_quiet(&self) -> bool {
        let past = self.history.past.lock();
        past.events.back().is_none_or(|event| event.resource_version <= self.after)
    }

    /// Everything up to this version was handed out.
    pub fn resource_version(&self) -> u64 {
        self.after
    }
}
