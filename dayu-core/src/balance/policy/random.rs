//! Any usable candidate, each with the same chance.
use super::Policy;
use crate::balance::{Candidates, Draw};

/// Draws one. Not for you if endpoints differ in speed: it knows nothing of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Random;

impl Policy for Random {
    fn name(&self) -> &'static str {
        "random"
    }

    fn pick(&self, candidates: &Candidates, draw: &mut Draw) -> Option<usize> {
        if candidates.is_empty() { None } else { candidates.usable_from(draw.below(candidates.len())) }
    }

    fn score(&self, _: &Candidates, _: usize) -> f64 {
        0.0
    }
}
