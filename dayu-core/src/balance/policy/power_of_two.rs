//! Power of two choices over in-flight times peak-sensitive latency: the default.
use super::Policy;
use crate::balance::{Candidates, Draw};

/// Draws two usable candidates and takes the one that costs less; of two that cost about the same, the one that served
/// less, so that equal replicas get equal shares.
///
/// Not for you if requests of one key must meet at one endpoint: give them a key.
#[derive(Clone, Copy, Debug, Default)]
pub struct PowerOfTwo;

/// Costs that differ by less than this factor are about the same: latencies of equal replicas scatter that much.
const ABOUT: f64 = 2.0;
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
        let (cost_a, cost_b) = (a.cost(candidates.now()), b.cost(candidates.now()));
        let first = if cost_a * ABOUT < cost_b {
            true
        } else if cost_b * ABOUT < cost_a {
            false
        } else {
            (a.in_flight(), a.served()) <= (b.in_flight(), b.served())
        };
        Some(if first { one } else { other })
    }
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
