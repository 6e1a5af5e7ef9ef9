//! Requests by service, device and replica.
use std::collections::BTreeMap;

use dayu_mesh::Count;

/// What is counted apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) service: String,
    pub(crate) device: String,
    pub(crate) replica: String,
}

/// What several meshes counted, together.
pub(crate) fn sum(counts: impl IntoIterator<Item = Count>) -> BTreeMap<Key, u64> {
    let mut sum = BTreeMap::new();
    for Count { service, device, pod, requests } in counts {
        *sum.entry(Key { service, device, replica: pod }).or_default() += requests;
    }
    sum
}
