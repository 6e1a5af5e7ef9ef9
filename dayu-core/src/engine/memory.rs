//! What one look at a resource leaves for the next.
use std::num::NonZeroU64;

use kube::ResourceExt;
use tokio::time::Instant;

use super::{applied::Applied, confirm::Asked, events::Said, finalize::Finalizing, guard::Guard, packed::Packed};
use crate::name::{Device, Uid};

/// Kept for each resource for as long as it is there, so every byte counts.
#[derive(Default)]
pub(super) struct Memory {
    /// The incarnation that all this is about; none before the first look and after the last.
    pub(super) of: Option<Uid>,
    pub(super) applied: Applied,
    /// What children were last found to be as planned for.
    pub(super) basis: Option<Basis>,
    pub(super) said: Said,
    /// The status that was derived last; the API may not have it yet, and the watch not have brought it back.
    pub(super) told: Option<Packed>,
    /// Since when the API does not have it.
    pub(super) untold: Option<Instant>,
    pub(super) asked: Option<Box<Asked>>,
    /// The last status that was written; none once the watch has told of it.
    pub(super) echo: Option<Box<Echo>>,
    /// Devices that the plan names, and why the resource was refused, if it was: what wakes it.
    pub(super) devices: Box<[Device]>,
    pub(super) refused: Option<&'static str>,
    /// Of workers whose pods are refused.
    pub(super) guard: Option<Box<Guard>>,
    /// Of its finalizer, while there is more to know than the resource says.
    pub(super) finalizing: Option<Box<Finalizing>>,
}

/// The version that the server answered a write with, and when.
pub(super) struct Echo {
    pub(super) version: Version,
    pub(super) answered: Instant,
}

/// A version of a resource, as the number that Kubernetes makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version(u64);

impl Version {
    /// None of a server that counts in another way.
    pub(super) fn of(resource: &impl ResourceExt) -> Option<Self> {
        resource.resource_version()?.parse().ok().map(Self)
    }
}

/// What a plan was made of: equal ones give equal plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Basis {
    pub(super) resource: NonZeroU64,
    pub(super) site: u64,
}

impl Memory {
    /// Of a resource that is seen for the first time, with the status that it has.
    pub(super) fn of(uid: Uid, status: Option<Packed>) -> Self {
        Self { of: Some(uid), told: status, ..Self::default() }
    }

    /// Whether nothing has to be taken back any more.
    pub(super) fn is_over(&self) -> bool {
        self.of.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A finalizer takes the room that editions, which are never zero, leave.
    #[test]
    fn what_is_kept_of_each_resource_is_no_larger_than_before_there_were_finalizers() {
        assert!(size_of::<Memory>() <= 168, "{}", size_of::<Memory>());
    }
}
