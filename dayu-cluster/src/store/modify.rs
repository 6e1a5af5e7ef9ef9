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
            let draft = self.draft(resource, &after)?;
            let written = match is_complete(&after) {
                true => self.let_go(resource, &stored, draft),
                false => self.exchange(resource, &stored, draft, Change::Modified),
            };
            match written {
                Err(StoreError::Conflict { .. }) => {}
                done => return done,
            }
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
