//! The one place where the store changes.

use std::sync::Arc;

use parking_lot::RwLockWriteGuard;

use super::draft::Draft;
use super::tables::Tables;
use super::{Change, Event, Object, ResourceRef, Store, StoreError};

impl Store {
    /// Makes one change: durable, then visible, then told. The caller has checked everything under this lock.
    pub(super) fn commit(
        &self,
        mut tables: RwLockWriteGuard<'_, Tables>,
        resource: &ResourceRef,
        draft: Draft,
        change: Change,
    ) -> Result<Arc<Object>, StoreError> {
        let version = tables.version + 1;
        let object = Arc::new(draft.at(version));
        let recorded = tables.record(resource, change, &object);
        let wasteful = tables.take_due();
        if let Err(error) = recorded {
            drop(tables);
            if wasteful {
                self.compact();
            }
            return Err(error.into());
        }
        tables.version = version;
        let collection = tables.collection_mut(resource);
        let previous = match change {
            Change::Deleted => collection.remove(&object.meta.namespace, &object.meta.name),
            Change::Added | Change::Modified => collection.insert(object.clone()),
        };
        let history = collection.history.clone();
        let forgotten = history.push(Arc::new(Event::new(change, object.clone(), previous)));
        drop(tables);
        // Readers need not wait until watchers are awake and what nobody remembers is freed.
        history.tell(version);
        drop(forgotten);
        if wasteful {
            self.compact();
        }
        Ok(object)
    }

    /// Replaces exactly this state of an object.
    pub(super) fn exchange(
        &self,
        resource: &ResourceRef,
        stored: &Arc<Object>,
        draft: Draft,
        change: Change,
    ) -> Result<Arc<Object>, StoreError> {
        let tables = self.tables.write();
        let name = || stored.meta.name.as_ref().into();
        match tables.get(resource, &stored.meta.namespace, &stored.meta.name) {
            None => Err(StoreError::NotFound { resource: resource.clone(), name: name() }),
            Some(live) if !Arc::ptr_eq(live, stored) => {
                Err(StoreError::Conflict { resource: resource.clone(), name: name() })
            }
            Some(_) => self.commit(tables, resource, draft, change),
        }
    }

    /// Removes an object that a write leaves without anything to hold it, and gives the object as that write has it.
    /// Watchers see what was stored last, as they do in Kubernetes: such a write is itself never stored.
    pub(super) fn let_go(
        &self,
        resource: &ResourceRef,
        stored: &Arc<Object>,
        written: Draft,
    ) -> Result<Arc<Object>, StoreError> {
        let last = stored
            .value()
            .map_err(|error| StoreError::Malformed { resource: resource.clone(), reason: error.to_string() })?;
        self.exchange(resource, stored, self.draft(resource, &last)?, Change::Deleted)?;
        Ok(Arc::new(written.at(stored.meta.resource_version)))
    }

    /// Writes the journal anew on a thread of its own.
    fn compact(&self) {
        let weak = Arc::downgrade(&self.tables);
        let work = move || {
            let Some(tables) = weak.upgrade() else { return };
            let written = loop {
                match Tables::compact(&tables) {
                    Ok(true) => {}
                    written => break written,
                }
            };
            if let Err(error) = written {
                tracing::warn!(%error, "the journal was not written anew and keeps growing");
            }
        };
        if let Err(error) = std::thread::Builder::new().name("journal-compact".into()).spawn(work) {
            tracing::warn!(%error, "no thread to write the journal anew");
        }
    }
}
