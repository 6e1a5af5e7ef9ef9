//! The name of a namespaced object within its collection.
use std::sync::Arc;

use crate::store::Object;

/// Namespace and name; clones share them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key(Arc<(Box<str>, Box<str>)>);

impl Key {
    pub(super) fn new(namespace: &str, name: &str) -> Self {
        Self(Arc::new((namespace.into(), name.into())))
    }

    pub(super) fn of(object: &Object) -> Self {
        Self::new(&object.meta.namespace, &object.meta.name)
    }

    pub(super) fn namespace(&self) -> &str {
        &self.0.0
    }

    pub(super) fn name(&self) -> &str {
        &self.0.1
    }
}
