//! Any usable candidate, each with the same chance.
use super::Policy;
use crate::balance::{Candidates, Draw, candidates::Field};

/// Draws one. Not for you if endpoints differ in speed: it knows nothing of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Random;

/// Draws before the usable ones are counted.
const DRAWS: usize = 8;

impl Policy for Random {
    fn name(&self) -> &'static str {
        "random"
    }

    fn pick(&self, candidates: &Candidates, draw: &mut Draw) -> Option<usize> {
        if candidates.is_empty() {
            return None;
        }
        let field = candidates.field();
        let drawn = draw.below(field.len());
        if field.is_usable(drawn) { Some(drawn) } else { among_usable(&field, draw) }
    }

    fn score(&self, _: &Candidates, _: usize) -> f64 {
        0.0
    }

    fn because(&self, _: &Candidates, _: &mut Draw) -> Option<String> {
        Some("it was drawn".to_owned())
    }
}

/// Draws again, since the neighbour of one that is not usable would get the share of both.
#[cold]
fn among_usable(field: &Field<'_>, draw: &mut Draw) -> Option<usize> {
    let usable = || (0..field.len()).filter(|index| field.is_usable(*index));
    (0..DRAWS).map(|_| draw.below(field.len())).find(|index| field.is_usable(*index)).or_else(|| {
        // One may be ejected between count and choice.
        usable().nth(draw.below(usable().count().max(1))).or_else(|| usable().next())
    })
}
