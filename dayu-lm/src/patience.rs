//! Waiting for what a predecessor still holds.
use std::{io, time::Duration};

use tokio::time::{Instant, sleep};

/// So long may a predecessor, or a child of it that has not become its program yet, hold a lock or an address.
const PATIENCE: Duration = Duration::from_secs(2);
/// From one attempt to the next.
const PACE: Duration = Duration::from_millis(20);

/// Does `attempt` until it works, while it fails because something is in use, and for a moment only.
pub(crate) async fn while_in_use<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Err(error) if is_in_use(&error) && Instant::now() < deadline => sleep(PACE).await,
            done => return done,
        }
    }
}

/// Whether this says that somebody else has it.
pub(crate) fn is_in_use(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::WouldBlock)
}
