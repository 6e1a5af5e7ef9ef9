//! The current objects, in memory.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use parking_lot::RwLock;

use super::event::{History, Window};
use super::journal::{Journal, JournalError, Opened, Recovered};
use super::{Change, Object, ResourceRef};

/// All collections, and the version of the last change to any of them.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) version: u64,
    /// Events up to here happened before this process and are not remembered.
    since: u64,
    window: Window,
    collections: HashMap<ResourceRef, Collection>,
    /// `None`: in memory only.
    journal: Option<Journal>,
    compacting: bool,
}

#[derive(Debug)]
pub(super) struct Collection {
    /// By namespace (empty for cluster scope), then name: a namespace is listed without looking at the others.
    pub(super) objects: BTreeMap<Box<str>, BTreeMap<Box<str>, Arc<Object>>>,
    pub(super) history: Arc<History>,
}

impl Tables {
    pub(super) fn new(version: u64, window: Window) -> Self {
        Self { version, since: version, window, collections: HashMap::new(), journal: None, compacting: false }
    }

    pub(super) fn collection(&self, resource: &ResourceRef) -> Option<&Collection> {
        self.collections.get(resource)
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

    pub(super) fn get(&self, resource: &ResourceRef, namespace: &str, name: &str) -> Option<&Arc<Object>> {
        self.collection(resource)?.objects.get(namespace)?.get(name)
    }
}

/// What is durable of the tables.
impl Tables {
    pub(super) fn open(dir: &Path, window: Window) -> Result<Self, JournalError> {
        let Opened { journal, changes, version } = Journal::open(dir)?;
        let mut tables = Self::new(version.max(1), window);
        for change in changes {
            match change {
                Recovered::Put(resource, object) => {
                    tables.collection_mut(&resource).insert(Arc::new(object));
                }
                Recovered::Delete { resource, namespace, name } => {
                    tables.collection_mut(&resource).remove(&namespace, &name);
                }
            }
        }
        tables.journal = Some(journal);
        Ok(tables)
    }

    /// Makes a change durable before it is visible.
    pub(super) fn record(
        &mut self,
        resource: &ResourceRef,
        change: Change,
        object: &Object,
    ) -> Result<(), JournalError> {
        self.journal.as_mut().map_or(Ok(()), |journal| journal.append(resource, change, object))
    }

    /// Whether the caller is to write the journal anew now.
    pub(super) fn take_due(&mut self) -> bool {
        let due = !self.compacting && self.journal.as_mut().is_some_and(Journal::take_due);
        self.compacting |= due;
        due
    }

    /// Writes the journal anew, holding up writers only at the end. Whether the caller is to do so once more: something may
    /// have gone meanwhile, and nobody comes who would tell.
    pub(super) fn compact(tables: &RwLock<Self>) -> Result<bool, JournalError> {
        let (compaction, version, objects) = {
            let tables = tables.read();
            let Some(journal) = &tables.journal else { return Ok(false) };
            (journal.begin_compaction(), tables.version, tables.alive())
        };
        let rewritten = compaction.write(version, &objects);
        let mut tables = tables.write();
        tables.compacting = false;
        if let Some(journal) = &mut tables.journal {
            journal.finish_compaction(rewritten?)?;
        }
        Ok(tables.take_due())
    }

    /// From when a write finds it due until it is no longer.
    pub(super) fn is_compacting(&self) -> bool {
        self.compacting
    }

    pub(super) fn journal(&self) -> Option<&Journal> {
        self.journal.as_ref()
    }

    pub(super) fn journal_mut(&mut self) -> Option<&mut Journal> {
        self.journal.as_mut()
    }

    fn alive(&self) -> Vec<(ResourceRef, Arc<Object>)> {
        let objects = |(resource, collection): (&ResourceRef, &Collection)| {
            let resource = resource.clone();
            let all = collection.objects.values().flat_map(BTreeMap::values).cloned();
            all.map(move |object| (resource.clone(), object)).collect::<Vec<_>>()
        };
        self.collections.iter().flat_map(objects).collect()
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
