//! How a look at a resource ends.
use tokio::time::Instant;

use super::answer::Refusal;
use crate::name::Device;

/// How a look ended.
pub(super) enum Verdict {
    Done,
    /// There is something to tell that may wait until then for what comes next.
    Until(Instant),
    /// Nothing is left of it but what its finalizer stands for, which is to be undone.
    Undo,
    /// Somebody was faster, or an object is still going: look again soon. A CamelCase reason, and a sentence.
    Retry {
        reason: String,
        why: String,
    },
}

/// What a look gives besides what it leaves in memory.
pub(super) struct Looked {
    pub(super) verdict: Verdict,
    /// The devices that the plan names; none when there is no plan to say.
    pub(super) devices: Option<Vec<Device>>,
}

impl Verdict {
    /// The same, but looked at again `at` the latest.
    pub(super) fn by(self, at: Option<Instant>) -> Self {
        match (self, at) {
            (Self::Done, Some(at)) => Self::Until(at),
            (Self::Until(until), Some(at)) => Self::Until(until.min(at)),
            (verdict, _) => verdict,
        }
    }
}

impl From<Verdict> for Looked {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, devices: None }
    }
}

impl From<Refusal> for Verdict {
    fn from(refusal: Refusal) -> Self {
        Self::Retry { why: format!("{}: {}", refusal.child, refusal.message), reason: refusal.reason }
    }
}
