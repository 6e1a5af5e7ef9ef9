//! Smooth weighted round robin.
use super::Policy;
use crate::balance::{Candidates, Draw};

/// Takes candidates in turn, each as often as its weight says and its turns spread over the round.
///
/// Kubernetes has no weights, so those of endpoints [from there](crate::directory) are equal; others come with a
/// [`Source`](crate::directory::Source) of one's own.
///
/// Not for you if endpoints differ in speed by the moment: it knows their weights only.
///
/// Turns are those of a port's endpoints, and of each device's among them: requests for others take none of them. Where weights
/// differ, a round is laid out for the first request and from then on with each change, before picks see it.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundRobin;

/// Turns that fall on unusable candidates are passed over so often; then the next usable one has it.
const PASSES: u64 = 8;

impl Policy for RoundRobin {
    fn name(&self) -> &'static str {
        "round-robin"
    }

    fn pick(&self, candidates: &Candidates, _: &mut Draw) -> Option<usize> {
        if candidates.is_empty() {
            return None;
        }
        let (turns, mut whose) = (candidates.turns(), 0);
        for pass in 0..PASSES {
            whose = if candidates.rehearses { turns.ahead(pass) } else { turns.take() };
            if candidates.is_usable(whose) {
                return Some(whose);
            }
        }
        candidates.usable_from(whose)
    }

    fn score(&self, candidates: &Candidates, index: usize) -> f64 {
        1.0 / f64::from(candidates.get(index).weight)
    }

    fn because(&self, _: &Candidates, _: &mut Draw) -> Option<String> {
        Some("it is its turn".to_owned())
    }
}
