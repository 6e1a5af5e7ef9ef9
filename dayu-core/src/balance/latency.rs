//! How long an endpoint takes, as one answer after the other shows it.
//!
//! Answers scatter: a frame of 2 MB takes longer than one of 60 KB, and a machine that is busy for a moment holds up whoever
//! is served in it. What such a moment says of an endpoint is nothing, and an estimate that believed it would send the
//! endpoint's share elsewhere. So an estimate falls fast and rises step by step: only what stays slow is slow.
use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// One answer raises the estimate by this part of it at most: five in a row make it three times as long.
const RISE: u32 = 4;
/// One answer lowers it to this part of it at most.
const FALL: u32 = 4;
/// An estimate that nothing has confirmed for so many times the newest answer's length is not believed any more. What is left
/// alone because it takes a second is looked at again after eight.
const BELIEVED: u64 = 8;

/// The estimate. Two answers at the same instant may lose one of the two; it does not miss it.
#[derive(Debug, Default)]
pub(super) struct Latency {
    /// Microseconds; 0 before the first answer.
    typical: AtomicU32,
    /// Microseconds of the newest answer that counted.
    newest: AtomicU32,
    /// Nanoseconds: when that came.
    at: AtomicU64,
}

impl Latency {
    /// Microseconds; 0 before the first answer.
    pub(super) fn typical(&self) -> u32 {
        self.typical.load(Relaxed)
    }

    /// Whether the newest answer is too old at `now`, in nanoseconds, to say anything about the next.
    pub(super) fn is_stale(&self, now: u64) -> bool {
        let long = u64::from(self.newest.load(Relaxed)) * (BELIEVED * 1_000);
        now.saturating_sub(self.at.load(Relaxed)) > long
    }

    /// An answer came at `now` after `took`.
    pub(super) fn measured(&self, took: Duration, now: Duration) {
        let fresh = u32::try_from(took.as_micros()).unwrap_or(u32::MAX).max(1);
        let typical = self.typical();
        let together = nanos(now.saturating_sub(took)) < self.at.load(Relaxed);
        let next = match typical {
            0 => fresh,
            _ if fresh <= typical => fresh.max(typical / FALL),
            // Requests that were under way together saw the same bad moment: it counts once.
            _ if together => return,
            _ => fresh.min(typical.saturating_add(typical / RISE + 1)),
        };
        self.typical.store(next, Relaxed);
        self.newest.store(fresh, Relaxed);
        self.at.store(nanos(now), Relaxed);
    }

    /// Takes over another's.
    pub(super) fn copy(&self, other: &Self) {
        self.typical.store(other.typical(), Relaxed);
        self.newest.store(other.newest.load(Relaxed), Relaxed);
        self.at.store(other.at.load(Relaxed), Relaxed);
    }
}

/// Nanoseconds; 584 years fit.
pub(super) fn nanos(time: Duration) -> u64 {
    time.as_secs().wrapping_mul(1_000_000_000).wrapping_add(u64::from(time.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    /// Answers that took so many milliseconds, each begun when the one before had come.
    fn after(answers: impl IntoIterator<Item = u32>) -> (Latency, Duration) {
        let (latency, mut now) = (Latency::default(), Duration::from_secs(1));
        for millis in answers {
            now += MILLI * millis;
            latency.measured(MILLI * millis, now);
        }
        (latency, now)
    }

    #[test]
    fn a_moment_that_is_slow_says_nothing_and_what_stays_slow_is_slow() {
        assert_eq!(after([]).0.typical(), 0);
        assert!(after([10, 500, 10, 500, 500]).0.typical() < 16_000, "two in a row of a busy moment");
        assert!(after([10, 500, 500, 500, 500, 500]).0.typical() > 30_000);
        assert_eq!(after([10; 3].into_iter().chain([500; 30])).0.typical(), 500_000);
        assert_eq!(after([500, 10, 10, 10]).0.typical(), 10_000, "and a fall is believed soon");
    }

    #[test]
    fn requests_that_were_under_way_together_raise_it_once() {
        let (latency, now) = after([10]);
        for late in 0..20 {
            latency.measured(MILLI * (500 + late), now + MILLI * (500 + late));
        }
        assert_eq!(latency.typical(), 12_501);
    }

    #[test]
    fn it_goes_stale_after_eight_times_what_the_newest_took() {
        let (latency, now) = after([100]);
        assert!(!latency.is_stale(nanos(now + MILLI * 800)) && latency.is_stale(nanos(now + MILLI * 801)));
        assert!(!latency.is_stale(0), "nor does a clock that goes back make it so");
    }
}
