//! Fewest requests in flight among all candidates.
use super::Policy;
use crate::balance::{Candidates, Draw};

/// Looks at every candidate and takes the one with the fewest requests in flight, from a drawn place on.
///
/// Exact, and its cost grows with the number of endpoints: not for you above a few hundred; use
/// [`PowerOfTwo`](super::PowerOfTwo).
#[derive(Clone, Copy, Debug, Default)]
pub struct LeastRequest;

impl Policy for LeastRequest {
    fn name(&self) -> &'static str {
        "least-request"
    }

    fn pick(&self, candidates: &Candidates, draw: &mut Draw) -> Option<usize> {
        let len = candidates.len();
        let start = if len > 1 { draw.below(len) } else { 0 };
        let round = (0..len).map(|step| (start + step) % len).filter(|index| candidates.is_usable(*index));
        round.min_by_key(|index| candidates.get(*index).load.in_flight())
    }

    fn score(&self, candidates: &Candidates, index: usize) -> f64 {
        f64::from(candidates.get(index).load.in_flight())
    }
}
