//! What this process may do with the Lease that it holds, and for how long.
use dayu_core::connect::Term;
use tokio::time::Instant;

use super::deadline::{Deadline, Moment};

/// When this process may write, and by when it ends if it has not noticed that the time is over.
#[derive(Debug, Default)]
pub(crate) struct Tenure {
    pub(crate) term: Term,
    /// None where the process is not ours to end.
    pub(crate) deadline: Option<Deadline>,
}

impl Tenure {
    /// A claim was taken that lets the process live on until `last`.
    pub(super) fn renewed(&mut self, last: Option<Moment>) {
        if let (Some(deadline), Some(last)) = (&mut self.deadline, last) {
            deadline.set(last);
        }
    }

    /// It may write until then.
    pub(super) fn until(&self, end: Instant) {
        self.term.until(end);
    }

    /// It may not write any more; and once nobody is in the middle of it, the process may live on.
    pub(super) fn over(&mut self) {
        self.term.over();
        if let Some(deadline) = &mut self.deadline {
            deadline.clear();
        }
    }
}
