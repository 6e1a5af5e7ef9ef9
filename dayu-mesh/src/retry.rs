//! When to try again what failed for a reason that tells nobody when it ends.
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

const FIRST: Duration = Duration::from_millis(250);
const LAST: Duration = Duration::from_secs(10);

/// The next attempt, and the wait that comes after it: it doubles as long as something fails.
#[derive(Debug, Default)]
pub(crate) struct Retry {
    next: Option<(Instant, Duration)>,
}

impl Retry {
    /// Plans an attempt while something fails; forgets the wait once nothing does.
    pub(crate) fn plan(&mut self, failing: bool) {
        self.next = if failing { self.next.or_else(|| Some((Instant::now() + FIRST, FIRST))) } else { None };
    }

    /// Waits for the next attempt, for ever where none is planned.
    pub(crate) async fn due(&mut self) {
        let Some((at, wait)) = self.next else { return std::future::pending().await };
        sleep_until(at).await;
        let wait = (wait * 2).min(LAST);
        self.next = Some((Instant::now() + wait, wait));
    }
}
