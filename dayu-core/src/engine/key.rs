//! Namespace and name of a resource in one shared piece: indexes, queue and looks hold the same.
use std::sync::Arc;

use kube::ResourceExt;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key(Arc<str>);

impl Key {
    pub(super) fn of(resource: &impl ResourceExt) -> Self {
        // Neither half can hold the separator.
        Self(format!("{}/{}", resource.namespace().unwrap_or_default(), resource.name_any()).into())
    }

    pub(super) fn namespace(&self) -> &str {
        self.halves().0
    }

    pub(super) fn name(&self) -> &str {
        self.halves().1
    }

    fn halves(&self) -> (&str, &str) {
        self.0.split_once('/').unwrap_or_default()
    }
}
