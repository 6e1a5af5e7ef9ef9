//! Read, change, write back, until nobody was faster.

use std::sync::Arc;

use serde_json::Value;

use super::{Change, Object, ResourceRef, Store, StoreError, deletion::is_complete};

impl Store {
    /// Changes an object in place: `change` sees the latest content, and again if another writer came in between.
    /// `metadata.generation` rises when anything but `metadata` and `status` differs. No difference, no write.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or that the change could not be made durable.
    pub fn modify(
        &self,
        resource: &ResourceRef,
        namespace: &str,
        name: &str,
        mut change: impl FnMut(&mut Value),
    ) -> Result<Arc<Object>, StoreError> {
        loop {
            let Some(stored) = self.get(resource, namespace, name) else {
                return Err(StoreError::NotFound { resource: resource.clone(), name: name.into() });
            };
            let before = stored
                .value()
                .map_err(|error| StoreError::Malformed { resource: resource.clone(), reason: error.to_string() })?;
            let mut after = before.clone();
            change(&mut after);
            if after == before {
                return Ok(stored);
            }
            bump_generation(&before, &mut after);
            match self.swap(resource, &stored, after) {
                Err(StoreError::Conflict { .. }) => {}
                done => return done,
            }
        }
    }

    /// Replaces exactly this state of an object.
    fn swap(&self, resource: &ResourceRef, stored: &Arc<Object>, value: Value) -> Result<Arc<Object>, StoreError> {
        let tables = self.tables.write();
        let name = || stored.meta.name.as_ref().into();
        match tables.get(resource, &stored.meta.namespace, &stored.meta.name) {
            None => Err(StoreError::NotFound { resource: resource.clone(), name: name() }),
            Some(live) if !Arc::ptr_eq(live, stored) => {
                Err(StoreError::Conflict { resource: resource.clone(), name: name() })
            }
            Some(_) if is_complete(&value) => self.let_go(tables, resource, stored, value),
            Some(_) => self.commit(tables, resource, value, Change::Modified),
        }
    }
}

/// Counts a change of what the user asked for; objects without a generation stay without.
pub(crate) fn bump_generation(before: &Value, after: &mut Value) {
    let Some(generation) = before["metadata"]["generation"].as_i64() else { return };
    if wishes(before).eq(wishes(after)) {
        after["metadata"]["generation"] = generation.into();
    } else {
        after["metadata"]["generation"] = (generation + 1).into();
    }
}

/// The fields beside `metadata` and `status`, in an order that does not depend on who wrote them.
fn wishes(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let mut fields: Vec<_> = value
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| !matches!(key.as_str(), "metadata" | "status"))
        .collect();
    fields.sort_unstable_by_key(|(key, _)| *key);
    fields.into_iter()
}
