//! What is waited for on a connection: a server's first word after the client's last, and anything at all.
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::time::Instant;

/// No answer is waited for any more.
const ANSWERED: u64 = u64::MAX;
/// An idle connection is looked at so many times before it is cut.
const LOOKS: u32 = 4;

pub(super) struct Wait {
    began: Instant,
    /// Nanoseconds since it began.
    asked: AtomicU64,
    /// Something was said since it was last looked at.
    flows: AtomicBool,
}

impl Default for Wait {
    /// A server may speak first.
    fn default() -> Self {
        Self { began: Instant::now(), asked: AtomicU64::new(0), flows: AtomicBool::new(false) }
    }
}

impl Wait {
    /// The client said something more.
    pub(super) fn asked(&self) {
        self.flows.store(true, Relaxed);
        if self.asked.load(Relaxed) != ANSWERED {
            self.asked.store(self.began.elapsed().as_nanos() as u64, Relaxed);
        }
    }

    /// The server said something: how long that took, the first time.
    pub(super) fn answered(&self) -> Option<Duration> {
        self.flows.store(true, Relaxed);
        let asked = Some(self.asked.load(Relaxed)).filter(|asked| *asked != ANSWERED)?;
        self.asked.store(ANSWERED, Relaxed);
        Some(self.began.elapsed().saturating_sub(Duration::from_nanos(asked)))
    }

    /// Returns when nothing was said for `idle`, or up to a quarter longer: so nobody has to look at a clock for each byte.
    pub(super) async fn idle(&self, idle: Duration) {
        let mut quiet = 0;
        while quiet < LOOKS {
            tokio::time::sleep(idle / LOOKS).await;
            quiet = if self.flows.swap(false, Relaxed) { 0 } else { quiet + 1 };
        }
    }
}
