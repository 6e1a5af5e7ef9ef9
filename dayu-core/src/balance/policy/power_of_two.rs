//! Power of two choices over in-flight times peak-sensitive latency: the default.
use super::Policy;
use crate::balance::{Candidates, Draw, Load};

/// Draws two usable candidates and takes the one that costs less: latency times requests in flight. Of two that are about
/// equally fast, or of which one was never measured, it takes the one with fewer requests in flight, and then the one that
/// served less, so that equal replicas get equal shares.
///
/// Not for you if requests of one key must meet at one endpoint: give them a key.
#[derive(Clone, Copy, Debug, Default)]
pub struct PowerOfTwo;

/// Latencies that differ by less than this factor are about the same: those of equal replicas scatter that much.
const ABOUT: f64 = 2.0;
/// One that served so much less was away or ejected, and is owed nothing for that time.
const LAG: u64 = 64;
/// Draws before the rest is looked through in order.
const DRAWS: usize = 8;

impl Policy for PowerOfTwo {
    fn name(&self) -> &'static str {
        "p2c"
    }

    fn pick(&self, candidates: &Candidates, draw: &mut Draw) -> Option<usize> {
        let one = drawn(candidates, draw, None)?;
        let Some(other) = drawn(candidates, draw, Some(one)) else { return Some(one) };
        let (a, b) = (&candidates.get(one).load, &candidates.get(other).load);
        let (slow_a, slow_b) = (a.expected(candidates.now()), b.expected(candidates.now()));
        let differ = slow_a > slow_b * ABOUT || slow_b > slow_a * ABOUT;
        let first = if differ && a.is_known() && b.is_known() {
            slow_a * a.queue() <= slow_b * b.queue()
        } else {
            (a.in_flight(), owed(b, a)) <= (b.in_flight(), owed(a, b))
        };
        Some(if first { one } else { other })
    }
}

/// By how much `one` served less than `other`.
fn owed(one: &Load, other: &Load) -> u64 {
    Some(other.served().saturating_sub(one.served())).filter(|lag| *lag <= LAG).unwrap_or_default()
}

/// A usable candidate other than `not`: by drawing, then from a drawn place on.
fn drawn(candidates: &Candidates, draw: &mut Draw, not: Option<usize>) -> Option<usize> {
    let len = candidates.len();
    if len <= usize::from(not.is_some()) {
        return None;
    }
    for _ in 0..DRAWS {
        let index = draw.below(len);
        if Some(index) != not && candidates.is_usable(index) {
            return Some(index);
        }
    }
    let start = draw.below(len);
    (0..len).map(|step| (start + step) % len).find(|index| Some(*index) != not && candidates.is_usable(*index))
}
