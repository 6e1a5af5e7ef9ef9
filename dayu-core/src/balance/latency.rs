//! How long an endpoint takes, as its answers show: a peak-EWMA.
//!
//! A slow answer counts whole and at once, and is forgotten as time passes and faster ones come. But answers of equal endpoints
//! scatter: a frame of 2 MB takes longer than one of 60 KB, and a machine that is busy for a moment holds up whoever is served
//! in it. An estimate that believed each of them would send the share of one to the others. So a peak is one that two answers
//! in a row show, of which the second was asked for when the first had come.
use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// An estimate halves in so many times its own length: what took 10 ms may be looked at again soon, what took a second later.
const HALVES_AFTER: f32 = 5.0;
/// But within so many microseconds, so that what was slow at its start is not left alone for minutes.
const HALVES_WITHIN: f32 = 4e6;
/// While a request is on its way it takes so many times as long: the answer will tell.
const ASKED: f32 = 8.0;

/// The estimate. Two answers at the same instant may lose one of the two; it does not miss it.
#[derive(Debug, Default)]
pub(super) struct Latency {
    /// Microseconds; 0 before the first answer.
    estimate: AtomicU32,
    /// Microseconds of the newest answer that counted.
    newest: AtomicU32,
    /// Nanoseconds: when that came.
    at: AtomicU64,
}

impl Latency {
    /// Microseconds, as of the newest answer; 0 before the first.
    pub(super) fn estimate(&self) -> u32 {
        self.estimate.load(Relaxed)
    }

    /// Microseconds, as far as it is still believed at `now`, in nanoseconds; `is_asked` while a request is on its way.
    pub(super) fn faded(&self, now: u64, is_asked: bool) -> u32 {
        let estimate = self.estimate();
        let age = self.age(now);
        (estimate as f32 * left(estimate, if is_asked { age / ASKED } else { age })) as u32
    }

    /// An answer came at `now` after `took`.
    pub(super) fn measured(&self, took: Duration, now: Duration) {
        let fresh = u32::try_from(took.as_micros()).unwrap_or(u32::MAX).max(1);
        let (estimate, began, now) = (self.estimate(), nanos(now.saturating_sub(took)), nanos(now));
        let next = match estimate {
            0 => fresh,
            // Requests that were under way together saw the same bad moment: it counts once.
            _ if fresh > estimate && began < self.at.load(Relaxed) => return,
            _ => {
                let shown = fresh.min(self.newest.load(Relaxed));
                let above = estimate.saturating_sub(shown) as f32;
                shown.saturating_add((above * left(estimate, self.age(now))) as u32)
            }
        };
        self.estimate.store(next, Relaxed);
        self.newest.store(fresh, Relaxed);
        self.at.store(now, Relaxed);
    }

    /// Takes over another's.
    pub(super) fn copy(&self, other: &Self) {
        self.estimate.store(other.estimate(), Relaxed);
        self.newest.store(other.newest.load(Relaxed), Relaxed);
        self.at.store(other.at.load(Relaxed), Relaxed);
    }

    /// Microseconds since the newest answer.
    fn age(&self, now: u64) -> f32 {
        now.saturating_sub(self.at.load(Relaxed)) as f32 / 1e3
    }
}

/// What is left of `estimate` after `age`, both in microseconds: from 1 towards 0.
fn left(estimate: u32, age: f32) -> f32 {
    let halvings = age / (estimate as f32 * HALVES_AFTER).clamp(1.0, HALVES_WITHIN);
    // The exponent of a float, and its fraction for what is between two powers: exact at each power, 6 % above at most between.
    f32::from_bits(((127.0 - halvings.min(127.0)) * 8_388_608.0) as u32)
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
    fn a_peak_that_the_next_answer_shows_as_well_counts_whole_and_at_once() {
        assert_eq!(after([]).0.estimate(), 0);
        assert_eq!(after([10, 500]).0.estimate(), 10_000, "a moment");
        assert_eq!(after([10, 500, 400]).0.estimate(), 400_000);
        assert!((10..11_000).contains(&after([10, 500, 10, 500, 10]).0.estimate()), "moments");
    }

    #[test]
    fn it_falls_by_half_in_five_times_its_length_and_in_four_seconds_at_most() {
        for (millis, half) in [(10, 50), (500, 2_500), (5_000, 4_000)] {
            let (latency, now) = after([millis]);
            let faded = |after| latency.faded(nanos(now + MILLI * after), false);
            assert_eq!([faded(0), faded(half), faded(2 * half)], [4, 2, 1].map(|part| millis * 250 * part));
            assert_eq!(latency.faded(nanos(now + MILLI * half * 8), true), millis * 500, "slower while it is asked");
            assert_eq!(latency.faded(nanos(now + MILLI * half * 1_000), false), 0);
            latency.measured(MILLI, now + MILLI * half);
            assert_eq!(latency.estimate(), (millis * 1_000 - 1_000) / 2 + 1_000, "towards the answer that came");
        }
    }

    #[test]
    fn it_falls_steadily() {
        let (latency, now) = after([100]);
        let faded: Vec<u32> = (0..10_000).map(|after| latency.faded(nanos(now + MILLI * after), false)).collect();
        assert!(faded.is_sorted_by(|before, after| before >= after) && faded[9_999] == 0);
        assert_eq!(latency.faded(0, false), 100_000, "nor does a clock that goes back make it fall");
    }

    #[test]
    fn requests_that_were_under_way_together_show_it_once() {
        let (latency, now) = after([10]);
        for late in 0..20 {
            latency.measured(MILLI * (500 + late), now + MILLI * (500 + late));
        }
        assert_eq!(latency.estimate(), 10_000);
    }
}
