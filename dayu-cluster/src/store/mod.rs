//! Objects, their versions, and the events of their changes.
//!
//! One writer at a time, in a short critical section; readers take `Arc`s out and never hold it up. With a data
//! directory every change is in the journal before it is visible or acknowledged. The store knows no kinds: defaulting,
//! validation and access are the business of [`crate::rest`].

mod commit;
mod deletion;
mod draft;
mod edit;
mod error;
mod event;
mod journal;
mod labels;
mod modify;
mod object;
mod resource;
mod tables;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Weak};

use parking_lot::RwLock;
use serde_json::Value;
use tokio::sync::watch;

pub use deletion::{DeleteOptions, Deleted, Preconditions, Propagation};
use draft::Draft;
pub use edit::Edit;
pub use error::StoreError;
pub use event::{Change, Event, Watch, Window};
use journal::Journal;
pub use journal::JournalError;
pub use labels::Labels;
pub(crate) use modify::bump_generation;
pub use object::{Meta, Object, Owner};
pub use resource::*;
use tables::Tables;

use crate::Environment;
use crate::environment;

/// A handle to the store; clones share it.
#[derive(Clone)]
pub struct Store {
    tables: Arc<RwLock<Tables>>,
    environment: Arc<dyn Environment>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("version", &self.version()).finish_non_exhaustive()
    }
}

/// A handle that does not keep the store alive.
#[derive(Clone)]
pub(crate) struct WeakStore {
    tables: Weak<RwLock<Tables>>,
    environment: Arc<dyn Environment>,
}

impl WeakStore {
    pub(crate) fn upgrade(&self) -> Option<Store> {
        Some(Store { tables: self.tables.upgrade()?, environment: self.environment.clone() })
    }
}

/// A consistent view of a collection.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Ordered by namespace, then name.
    pub objects: Vec<Arc<Object>>,
    /// Watch from here to miss nothing.
    pub resource_version: u64,
}

impl Snapshot {
    /// Undoes the latest events first.
    fn rolled_back(self, since: &[Arc<Event>], namespace: Option<&str>, version: u64) -> Self {
        if since.is_empty() {
            return Self { resource_version: version, ..self };
        }
        let key = |object: &Arc<Object>| (object.meta.namespace.clone(), object.meta.name.clone());
        let mut objects: BTreeMap<_, _> = self.objects.into_iter().map(|object| (key(&object), object)).collect();
        let here = |event: &&Arc<Event>| namespace.is_none_or(|namespace| *event.object.meta.namespace == *namespace);
        for event in since.iter().rev().filter(here) {
            match &event.previous {
                Some(previous) => objects.insert(key(previous), previous.clone()),
                None => objects.remove(&key(&event.object)),
            };
        }
        Self { objects: objects.into_values().collect(), resource_version: version }
    }
}

impl Store {
    /// An empty store that lives as long as its handles.
    pub fn in_memory(environment: Arc<dyn Environment>, window: Window) -> Self {
        Self { tables: Arc::new(RwLock::new(Tables::new(1, window))), environment }
    }

    /// The store that the directory holds, or a new one. Blocks for as long as reading it takes.
    ///
    /// # Errors
    /// When the directory cannot be used, is in use, or what it holds is damaged.
    pub fn open(dir: &Path, environment: Arc<dyn Environment>, window: Window) -> Result<Self, JournalError> {
        let tables = Tables::open(dir, window)?;
        Ok(Self { tables: Arc::new(RwLock::new(tables)), environment })
    }

    pub fn environment(&self) -> &dyn Environment {
        &*self.environment
    }

    pub(crate) fn downgrade(&self) -> WeakStore {
        WeakStore { tables: Arc::downgrade(&self.tables), environment: self.environment.clone() }
    }

    /// Whether the last write could not be made durable, to be watched; nothing where nothing is durable.
    pub(crate) fn trouble(&self) -> Option<watch::Receiver<bool>> {
        self.tables.read().journal().map(Journal::trouble)
    }

    /// Finds out whether writes can be made durable again.
    ///
    /// # Errors
    /// When they cannot.
    pub(crate) fn probe(&self) -> Result<(), JournalError> {
        self.tables.write().journal_mut().map_or(Ok(()), Journal::probe)
    }

    /// Whether the files of a store that lasts are being written anew, without what is gone: on a full disk that may find
    /// room. It is begun by a write, before that one is answered.
    pub fn is_being_compacted(&self) -> bool {
        self.tables.read().is_compacting()
    }

    /// The version of the last change to any object.
    pub fn version(&self) -> u64 {
        self.tables.read().version
    }

    /// `namespace` is empty for cluster-scoped objects.
    pub fn get(&self, resource: &ResourceRef, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.tables.read().get(resource, namespace, name).cloned()
    }

    /// All objects, or those of one namespace.
    pub fn list(&self, resource: &ResourceRef, namespace: Option<&str>) -> Snapshot {
        let tables = self.tables.read();
        let objects = match (tables.collection(resource), namespace) {
            (None, _) => Vec::new(),
            (Some(collection), None) => collection.objects.values().flat_map(|names| names.values().cloned()).collect(),
            (Some(collection), Some(namespace)) => {
                collection.objects.get(namespace).map(|names| names.values().cloned().collect()).unwrap_or_default()
            }
        };
        Snapshot { objects, resource_version: tables.version }
    }

    /// The part of a collection that has this one name in this one namespace.
    pub(crate) fn list_one(&self, resource: &ResourceRef, namespace: &str, name: &str) -> Snapshot {
        let tables = self.tables.read();
        let objects = tables.get(resource, namespace, name).cloned().into_iter().collect();
        Snapshot { objects, resource_version: tables.version }
    }

    /// A collection as it was at a version in the past.
    ///
    /// # Errors
    /// [`StoreError::Gone`] when the events since then are no longer all remembered.
    pub fn list_at(
        &self,
        resource: &ResourceRef,
        namespace: Option<&str>,
        version: u64,
    ) -> Result<Snapshot, StoreError> {
        let mut watch = self.watch(resource, version)?;
        let snapshot = self.list(resource, namespace);
        let mut since = Vec::new();
        while watch.resource_version() < snapshot.resource_version {
            let events = watch.ready()?;
            if events.is_empty() {
                break;
            }
            since.extend(events);
        }
        since.retain(|event| event.resource_version <= snapshot.resource_version);
        Ok(snapshot.rolled_back(&since, namespace, version))
    }

    /// Follows a collection from right after the given version.
    ///
    /// # Errors
    /// [`StoreError::Gone`] when the events since then are no longer all remembered.
    pub fn watch(&self, resource: &ResourceRef, after: u64) -> Result<Watch, StoreError> {
        let known = self.tables.read().collection(resource).map(|collection| collection.history.clone());
        let history = match known {
            Some(history) => history,
            None => self.tables.write().collection_mut(resource).history.clone(),
        };
        history.follow(after)
    }

    /// Stores a new object. Sets `uid`, `creationTimestamp`, `generation` where absent, and `resourceVersion`.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`], [`StoreError::Malformed`], or that it could not be made durable.
    pub fn create(&self, resource: &ResourceRef, mut value: Value) -> Result<Arc<Object>, StoreError> {
        self.complete(&mut value);
        let draft = self.draft(resource, &value)?;
        let tables = self.tables.write();
        if tables.get(resource, &draft.meta().namespace, &draft.meta().name).is_some() {
            let name = draft.meta().name.as_ref().into();
            return Err(StoreError::AlreadyExists { resource: resource.clone(), name });
        }
        self.commit(tables, resource, draft, Change::Added)
    }

    /// Replaces an object by a changed one. A `metadata.resourceVersion` in it is the version the change is based on. An
    /// equal object is no change. One that only waited for its last finalizer is removed.
    ///
    /// Sets `resourceVersion` and nothing else: see [`Store::modify`] for what also keeps `generation` true.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Conflict`], or that it could not be made durable.
    pub fn update(&self, resource: &ResourceRef, value: Value) -> Result<Arc<Object>, StoreError> {
        let base = base_version(&value);
        let ends = deletion::is_complete(&value);
        let mut draft = self.draft(resource, &value)?;
        let tables = self.tables.write();
        let Some(stored) = tables.get(resource, &draft.meta().namespace, &draft.meta().name).cloned() else {
            let name = draft.meta().name.as_ref().into();
            return Err(StoreError::NotFound { resource: resource.clone(), name });
        };
        if base.is_some_and(|base| base != stored.meta.resource_version) {
            let name = draft.meta().name.as_ref().into();
            return Err(StoreError::Conflict { resource: resource.clone(), name });
        }
        if draft.is(&stored) {
            return Ok(stored);
        }
        if ends {
            drop(tables);
            return self.let_go(resource, &stored, draft);
        }
        self.commit(tables, resource, draft, Change::Modified)
    }

    /// Serialises an object, as far as possible with the version that it is going to have.
    fn draft(&self, resource: &ResourceRef, value: &Value) -> Result<Draft, StoreError> {
        let malformed = |reason: String| StoreError::Malformed { resource: resource.clone(), reason };
        let draft = Draft::new(value, self.version() + 1).map_err(|error| malformed(error.to_string()))?;
        if draft.meta().name.is_empty() { Err(malformed("metadata.name is missing".into())) } else { Ok(draft) }
    }

    /// What a new object has from the start.
    pub(crate) fn complete(&self, value: &mut Value) {
        let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) else { return };
        if !metadata.contains_key("uid") {
            metadata.insert("uid".into(), environment::uid(self.environment()).into());
        }
        if metadata.get("creationTimestamp").is_none_or(Value::is_null) {
            let now = environment::rfc3339(self.environment.now());
            metadata.insert("creationTimestamp".into(), now.into());
        }
    }
}

fn base_version(value: &Value) -> Option<u64> {
    value["metadata"]["resourceVersion"].as_str()?.parse().ok()
}
