//! When to stop making pods that a device refuses: pure, time is an argument.
//!
//! A pod that its device does not take in (no room, a camera that is not there, a drained node) has failed for good, and
//! Kubernetes makes the next one at once: thousands in an hour, each kept. After a few of them the worker gets no pods for a
//! while, and from then on one at a time, later and later.
use std::time::Duration;

use tokio::time::Instant;

use crate::name::Uid;

/// So many refused pods within `WHILE` are taken for what may happen.
const FEW: usize = 3;
/// As long as this without another one, and it is over.
const WHILE: Duration = Duration::from_secs(600);
/// The first pause; each doubles, up to the longest.
const FIRST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(3600);

/// What is known of one worker's refused pods.
#[derive(Debug, Default)]
pub(super) struct Flood {
    /// Those that are there and were counted.
    counted: Vec<Uid>,
    /// When the last few were seen.
    seen: Vec<Instant>,
    pauses: u32,
    pause: Option<Pause>,
    /// When it was last let go on.
    resumed: Option<Instant>,
}

/// No pods for the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pause {
    pub(super) until: Instant,
    /// Since this very step.
    pub(super) is_new: bool,
}

impl Flood {
    /// Takes in which pods lie there refused at `now`. Gives the pause that the worker is in, if it is.
    pub(super) fn step(&mut self, refused: &[Uid], now: Instant) -> Option<Pause> {
        if self.pause.take_if(|pause| pause.until <= now).is_some() {
            self.resumed = Some(now);
            self.seen.clear();
        }
        if self.is_over(now) {
            *self = Self { counted: std::mem::take(&mut self.counted), ..Self::default() };
        }
        let new = refused.iter().filter(|pod| !self.counted.contains(pod)).count();
        self.counted = refused.to_vec();
        self.seen.retain(|seen| now - *seen < WHILE);
        self.seen.extend(std::iter::repeat_n(now, new.min(FEW)));
        if let Some(pause) = &mut self.pause {
            pause.is_new = false;
        } else if self.seen.len() >= if self.pauses == 0 { FEW } else { 1 } {
            let pause = FIRST.saturating_mul(1 << self.pauses.min(16)).min(LONGEST);
            self.pauses += 1;
            self.pause = Some(Pause { until: now + pause, is_new: true });
        }
        self.pause
    }

    /// Whether there is nothing to remember: no pod lies there, and none was refused for a while.
    pub(super) fn is_forgotten(&self, now: Instant) -> bool {
        self.counted.is_empty() && self.is_over(now)
    }

    fn is_over(&self, now: Instant) -> bool {
        let last = self.seen.last().copied().max(self.resumed);
        self.pause.is_none() && last.is_none_or(|last| now - last >= WHILE)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    /// Whatever a device does.
    const MOST_IN_AN_HOUR: usize = 20;

    fn uid(number: usize) -> Uid {
        Uid::from(number.to_string())
    }

    #[test]
    fn the_third_pauses_and_after_it_each_one() {
        let (mut flood, start) = (Flood::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(flood.step(&[uid(1)], at(0)), None);
        assert_eq!(flood.step(&[uid(1), uid(2)], at(1)), None);
        assert_eq!(flood.step(&[uid(1), uid(2)], at(2)), None, "none is counted twice");
        let pause = |until, is_new| Some(Pause { until: at(until), is_new });
        assert_eq!(flood.step(&[uid(2), uid(3)], at(3)), pause(63, true));
        assert_eq!(flood.step(&[uid(3), uid(4)], at(4)), pause(63, false), "one that was on its way");
        assert_eq!(flood.step(&[uid(4)], at(63)), None);
        assert_eq!(flood.step(&[uid(4), uid(5)], at(64)), pause(184, true), "twice as long");
        assert_eq!(flood.step(&[uid(5)], at(184)), None);
        assert!(!flood.is_forgotten(at(184)));
        assert_eq!(flood.step(&[], at(900)), None);
        assert!(flood.is_forgotten(at(900)), "it was taken in");
        assert_eq!(flood.step(&[uid(6)], at(901)), None, "another time is another matter");
    }

    #[test]
    fn a_flood_that_is_there_already_is_seen_at_once() {
        let refused: Vec<Uid> = (0..1000).map(uid).collect();
        assert!(Flood::default().step(&refused, Instant::now()).is_some());
    }

    proptest! {
        /// However soon or late each pod is refused, and whoever removes how many of them: few are made in any hour, and
        /// after every pause there is another.
        #[test]
        fn few_pods_are_made_in_an_hour(
            refusals in prop::collection::vec((prop_oneof![0..2_u64, 0..120_u64, 500..1000_u64], 0..4_usize), 1..200)
        ) {
            let (mut flood, mut now) = (Flood::default(), Instant::now());
            let (mut made, mut lying) = (VecDeque::new(), Vec::new());
            for (number, (lasts, removed)) in refusals.into_iter().enumerate() {
                made.push_back(now);
                made.retain(|at| now - *at < HOUR);
                prop_assert!(made.len() <= MOST_IN_AN_HOUR, "{} pods within an hour", made.len());
                now += Duration::from_secs(lasts);
                lying.push(uid(number));
                lying.drain(..removed.min(lying.len() - 1));
                while let Some(pause) = flood.step(&lying, now) {
                    prop_assert!(pause.until > now && pause.until - now <= LONGEST);
                    now = pause.until;
                }
            }
        }
    }
}
