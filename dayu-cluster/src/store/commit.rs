//! The one place where the store changes.

use std::sync::Arc;

use parking_lot::RwLockWriteGuard;
use serde_json::Value;

use super::tables::Tables;
use super::{Change, Event, Object, ResourceRef, Store, StoreError, serialise, set_version};

impl Store {
    /// Makes one change: durable, then visible, then told. The caller has checked everything under this lock.
    pub(super) fn commit(
        &self,
        mut tables: RwLockWriteGuard<'_, Tables>,
        resource: &ResourceRef,
        mut value: Value,
        change: Change,
    ) -> Result<Arc<Object>, StoreError> {
        let version = tables.version + 1;
        set_version(&mut value, version);
        let json = serialise(resource, &value)?;
        let object = Object::from_json(json)
            .map(Arc::new)
            .map_err(|error| StoreError::Malformed { resource: resource.clone(), reason: error.to_string() })?;
        let wasteful = tables.record(resource, change, &object)?;
        tables.version = version;
        let collection = tables.collection_mut(resource);
        let previous = match change {
            Change::Deleted => collection.remove(&object.meta.namespace, &object.meta.name),
            Change::Added | Change::Modified => collection.insert(object.clone()),
        };
        let event = Event { change, resource_version: version, object: object.clone(), previous };
        collection.history.push(Arc::new(event));
        drop(tables);
        // Values take longer to free than to change, readers need not wait for that.
        drop(value);
        if wasteful {
            self.compact();
        }
        Ok(object)
    }

    /// Removes an object that a write leaves without anything to hold it, and gives the object as that write has it.
    /// Watchers see what was stored last, as they do in Kubernetes: such a write is itself never stored.
    pub(super) fn let_go(
        &self,
        tables: RwLockWriteGuard<'_, Tables>,
        resource: &ResourceRef,
        stored: &Object,
        mut value: Value,
    ) -> Result<Arc<Object>, StoreError> {
        let malformed =
            |error: serde_json::Error| StoreError::Malformed { resource: resource.clone(), reason: error.to_string() };
        let last = stored.value().map_err(malformed)?;
        self.commit(tables, resource, last, Change::Deleted)?;
        set_version(&mut value, stored.meta.resource_version);
        Object::from_json(serialise(resource, &value)?).map(Arc::new).map_err(malformed)
    }

    /// Writes the journal anew on a thread of its own.
    fn compact(&self) {
        let weak = Arc::downgrade(&self.tables);
        let work = move || {
            let Some(tables) = weak.upgrade() else { return };
            if let Err(error) = Tables::compact(&tables) {
                tracing::warn!(%error, "the journal was not written anew and keeps growing");
            }
        };
        if let Err(error) = std::thread::Builder::new().name("journal-compact".into()).spawn(work) {
            tracing::warn!(%error, "no thread to write the journal anew");
        }
    }
}
