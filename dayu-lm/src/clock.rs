//! The time of day that never goes backwards: read once from the system, then counted.
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A clock for the pure steps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    began: Timestamp,
    since: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { began: Timestamp::now(), since: Instant::now() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.since.elapsed()).unwrap_or(SignedDuration::MAX);
        self.began.checked_add(passed).unwrap_or(Timestamp::MAX)
    }

    /// When it is `at`; at once if that has passed.
    pub(crate) fn instant(&self, at: Timestamp) -> Instant {
        let until = std::time::Duration::try_from(at.duration_since(self.began)).unwrap_or_default();
        self.since + until
    }
}
