//! What a controller is fed with: a collection as it stands, then its changes; from the start again when it fell behind.
use std::{
    borrow::Borrow,
    collections::HashSet,
    hash::{Hash, Hasher},
    sync::Arc,
};

use super::pod::Pod;
use crate::store::{Change, Event, Object, ResourceRef, Store, Watch};

/// One change as a controller sees it.
#[derive(Clone, Debug)]
pub(super) struct Delta {
    pub(super) change: Change,
    pub(super) object: Arc<Object>,
    /// The state before, when it is known.
    pub(super) previous: Option<Arc<Object>>,
    /// Where this comes from, unless it was listed.
    event: Option<Arc<Event>>,
}

impl Delta {
    /// The pod that this is about, read once for all controllers.
    pub(super) fn pod(&self) -> Arc<Pod> {
        match &self.event {
            Some(event) => event.view(),
            None => Arc::new(self.object.parse().unwrap_or_default()),
        }
    }
}

/// A collection being followed.
pub(super) struct Feed {
    store: Store,
    resource: ResourceRef,
    watch: Option<Watch>,
    /// What was handed out, to find what vanished while events were missed.
    known: HashSet<ByUid>,
}

/// An object in a set where its UID is its key.
struct ByUid(Arc<Object>);

impl Borrow<str> for ByUid {
    fn borrow(&self) -> &str {
        &self.0.meta.uid
    }
}

impl Hash for ByUid {
    fn hash<H: Hasher>(&self, state: &mut H) {
        str::hash(self.borrow(), state);
    }
}

impl PartialEq for ByUid {
    fn eq(&self, other: &Self) -> bool {
        self.0.meta.uid == other.0.meta.uid
    }
}

impl Eq for ByUid {}

impl Feed {
    pub(super) fn new(store: &Store, resource: ResourceRef) -> Self {
        Self { store: store.clone(), resource, watch: None, known: HashSet::new() }
    }

    pub(super) fn resource(&self) -> &ResourceRef {
        &self.resource
    }

    /// The next changes; none when the collection was listed and holds nothing new. Cancel-safe.
    pub(super) async fn next(&mut self) -> Vec<Delta> {
        loop {
            let Some(watch) = &mut self.watch else { return self.list() };
            match watch.next().await {
                Ok(events) => return self.remember(&events),
                Err(error) => {
                    tracing::debug!(resource = %self.resource, %error, "a controller fell behind and lists again");
                    self.watch = None;
                }
            }
        }
    }

    fn list(&mut self) -> Vec<Delta> {
        let snapshot = self.store.list(&self.resource, None);
        self.watch = self.store.watch(&self.resource, snapshot.resource_version).ok();
        let mut before = std::mem::take(&mut self.known);
        let mut deltas = Vec::with_capacity(snapshot.objects.len());
        for object in snapshot.objects {
            let previous = before.take(&*object.meta.uid).map(|ByUid(known)| known);
            self.known.insert(ByUid(object.clone()));
            if previous.as_ref().is_some_and(|known| known.meta.resource_version == object.meta.resource_version) {
                continue;
            }
            let change = if previous.is_some() { Change::Modified } else { Change::Added };
            deltas.push(Delta { change, object, previous, event: None });
        }
        let gone = |ByUid(object)| Delta { change: Change::Deleted, object, previous: None, event: None };
        deltas.extend(before.into_iter().map(gone));
        deltas
    }

    fn remember(&mut self, events: &[Arc<Event>]) -> Vec<Delta> {
        for event in events {
            match event.change {
                Change::Deleted => drop(self.known.remove(&*event.object.meta.uid)),
                Change::Added | Change::Modified => drop(self.known.replace(ByUid(event.object.clone()))),
            }
        }
        let delta = |event: &Arc<Event>| Delta {
            change: event.change,
            object: event.object.clone(),
            previous: event.previous.clone(),
            event: Some(event.clone()),
        };
        events.iter().map(delta).collect()
    }
}
