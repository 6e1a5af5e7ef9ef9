//! Fewest requests in flight among a few candidates.
use super::Policy;
use crate::balance::{Candidates, Draw, candidates::Field};

/// Draws a few candidates and takes the one with the fewest requests in flight; where there are only a few, looks at all.
///
/// Not for you if endpoints differ in speed: a slow one is noticed only by what piles up there; use
/// [`PowerOfTwo`](super::PowerOfTwo).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeastRequest {
    choices: usize,
}

/// So few candidates are looked at altogether: that costs no more than drawing.
const FEW: usize = 8;

impl LeastRequest {
    /// Draws so many candidates, at least 1. Two already keep the longest queue short; more bring it closer to the average.
    #[must_use]
    pub fn of(choices: usize) -> Self {
        Self { choices: choices.max(1) }
    }

    pub(super) fn choices(self) -> usize {
        self.choices
    }
}

impl Default for LeastRequest {
    fn default() -> Self {
        Self::of(2)
    }
}

impl Policy for LeastRequest {
    fn name(&self) -> &'static str {
        "least-request"
    }

    fn pick(&self, candidates: &Candidates, draw: &mut Draw) -> Option<usize> {
        let field = candidates.field();
        let len = field.len();
        let start = if len > 1 { draw.below(len) } else { 0 };
        if len <= FEW.max(self.choices) {
            return fewest(&field, (0..len).map(|step| (start + step) % len));
        }
        let drawn = (0..self.choices).map(|nth| if nth == 0 { start } else { draw.below(len) });
        fewest(&field, drawn).or_else(|| candidates.usable_from(start))
    }

    fn score(&self, candidates: &Candidates, index: usize) -> f64 {
        f64::from(candidates.get(index).load.in_flight())
    }

    fn because(&self, candidates: &Candidates, _: &mut Draw) -> Option<String> {
        let of = match candidates.len() <= FEW.max(self.choices) {
            true => "all".to_owned(),
            false => format!("{} that were drawn", self.choices),
        };
        Some(format!("it has the fewest requests in flight of {of}"))
    }
}

/// The first of the usable ones among `indices` that have the fewest.
fn fewest(field: &Field<'_>, indices: impl Iterator<Item = usize>) -> Option<usize> {
    indices.filter(|index| field.is_usable(*index)).min_by_key(|index| field.load(*index).in_flight())
}
