//! The current objects, in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::event::{History, Window};
use super::{Change, Object, ResourceRef, StoreError};

/// All collections, and the version of the last change to any of them.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) version: u64,
    /// Events up to here happened before this process and are not remembered.
    since: u64,
    window: Window,
    collections: HashMap<ResourceRef, Collection>,
}

#[derive(Debug)]
pub(super) struct Collection {
    /// By namespace (empty for cluster scope), then name: a namespace is listed without looking at the others.
    pub(super) objects: BTreeMap<Box<str>, BTreeMap<Box<str>, Arc<Object>>>,
    pub(super) history: Arc<History>,
}

impl Tables {
    pub(super) fn new(version: u64, window: Window) -> Self {
        Self { version, since: version, window, collections: HashMap::new() }
    }

    pub(super) fn collection(&self, resource: &ResourceRef) -> Option<&Collection> {
        self.collections.get(resource)
    }

    pub(super) fn collections(&self) -> impl Iterator<Item = (&ResourceRef, &Collection)> {
        self.collections.iter()
    }

    pub(super) fn collection_mut(&mut self, resource: &ResourceRef) -> &mut Collection {
        if !self.collections.contains_key(resource) {
            let history = Arc::new(History::new(self.window, self.since));
            let collection = Collection { objects: BTreeMap::new(), history };
            self.collections.insert(resource.clone(), collection);
        }
        // The entry API would clone the name for every write.
        self.collections.get_mut(resource).unwrap_or_else(|| unreachable!("inserted above"))
    }

    /// Makes a change durable before it is visible.
    pub(super) fn record(&self, _: &ResourceRef, _: Change, _: &Object) -> Result<(), StoreError> {
        Ok(())
    }

    pub(super) fn get(&self, resource: &ResourceRef, namespace: &str, name: &str) -> Option<&Arc<Object>> {
        self.collection(resource)?.objects.get(namespace)?.get(name)
    }
}

impl Collection {
    pub(super) fn insert(&mut self, object: Arc<Object>) -> Option<Arc<Object>> {
        let names = match self.objects.get_mut(&object.meta.namespace) {
            Some(names) => names,
            None => self.objects.entry(object.meta.namespace.clone()).or_default(),
        };
        names.insert(object.meta.name.clone(), object)
    }

    pub(super) fn remove(&mut self, namespace: &str, name: &str) -> Option<Arc<Object>> {
        let names = self.objects.get_mut(namespace)?;
        let removed = names.remove(name);
        if names.is_empty() {
            self.objects.remove(namespace);
        }
        removed
    }
}
