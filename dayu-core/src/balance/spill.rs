//! Whether a preferred device has so much to do that others help.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::SpillAt;

/// Nanoseconds without too much to do until a device has its requests to itself again.
const CALM: u64 = 2_000_000_000;
/// At the device itself, before it spills.
const HOME: u64 = 0;

/// The state of one device's endpoints of one port.
///
/// Requests spill from a high mark on and come home at half of it, and only when for two seconds all that is in flight, at
/// home and elsewhere, would have fitted below that. What is elsewhere counts, because it would be back at home the moment
/// that nothing spills: without it a steady load would spill and come home in turns.
#[derive(Debug, Default)]
pub(crate) struct Spill {
    /// When there was last too much to do; [`HOME`] while nothing spills.
    pressed: AtomicU64,
}

/// What follows for a request, and for those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The request may go anywhere.
    pub(super) spills: bool,
    pressed: u64,
}

impl Spill {
    /// Judges, at `now` in nanoseconds, by the mark `high` and the requests in flight for each endpoint of the device: those at
    /// `home`, and `all` that would be there if nothing spilled. Nothing changes until it is [noted](Spill::note).
    pub(super) fn judge(
        &self,
        high: SpillAt,
        now: u64,
        home: impl FnOnce() -> f64,
        all: impl FnOnce() -> f64,
    ) -> Verdict {
        let (now, high, pressed) = (now.max(1), f64::from(high.each()), self.pressed.load(Relaxed));
        let is_pressed = if pressed == HOME { home() >= high } else { all() > high / 2.0 };
        let pressed = match is_pressed {
            true => now,
            false if now.saturating_sub(pressed) >= CALM => HOME,
            false => pressed,
        };
        Verdict { spills: pressed != HOME, pressed }
    }

    /// Makes a verdict hold for the requests that follow.
    pub(super) fn note(&self, verdict: Verdict) {
        if self.pressed.load(Relaxed) != verdict.pressed {
            self.pressed.store(verdict.pressed, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: u64 = 1_000_000;

    /// Whether requests spill that come at these milliseconds and find so many in flight at home and altogether.
    fn spills(found: &[(u64, u32, u32)]) -> Vec<bool> {
        let spill = Spill::default();
        let judged = found.iter().map(|(at, home, all)| {
            let judge = || spill.judge(SpillAt::in_flight(8), at * MILLI, || f64::from(*home), || f64::from(*all));
            let verdict = judge();
            assert_eq!(verdict, judge(), "judging changes nothing");
            spill.note(verdict);
            verdict.spills
        });
        judged.collect()
    }

    #[test]
    fn it_spills_at_the_high_mark_and_comes_home_after_two_calm_seconds_at_the_low_one() {
        assert_eq!(
            spills(&[(1, 7, 7), (2, 8, 8), (3, 3, 3), (2_001, 3, 3), (2_002, 3, 3)]),
            [false, true, true, true, false]
        );
        assert_eq!(spills(&[(1, 8, 8), (1_500, 3, 5), (3_400, 3, 4), (3_500, 3, 4)]), [true, true, true, false]);
    }

    #[test]
    fn what_is_elsewhere_would_come_home_too() {
        assert_eq!(spills(&[(1, 8, 8), (5_000, 2, 9), (60_000, 2, 9)]), [true; 3]);
    }
}
