//! Smooth weighted round robin.
use std::sync::atomic::{AtomicU64, Ordering};

use super::Policy;
use crate::balance::{Candidates, Draw};

/// Takes candidates in turn, each as often as its weight says and its turns spread over the round.
///
/// Not for you if endpoints differ in speed by the moment: it knows their weights only. Where weights differ, its cost grows
/// with the number of endpoints.
#[derive(Debug, Default)]
pub struct RoundRobin {
    turn: AtomicU64,
}

/// Turns that fall on unusable candidates are passed over so often; then the next usable one has it.
const PASSES: usize = 8;

impl Policy for RoundRobin {
    fn name(&self) -> &'static str {
        "round-robin"
    }

    fn pick(&self, candidates: &Candidates, _: &mut Draw) -> Option<usize> {
        if candidates.is_empty() {
            return None;
        }
        let mut whose = 0;
        for _ in 0..PASSES {
            whose = whose_turn(candidates, self.turn.fetch_add(1, Ordering::Relaxed));
            if candidates.is_usable(whose) {
                return Some(whose);
            }
        }
        candidates.usable_from(whose)
    }

    fn score(&self, candidates: &Candidates, index: usize) -> f64 {
        1.0 / f64::from(candidates.get(index).weight)
    }
}

/// The candidate that has turn `turn`.
///
/// There are as many rounds as the heaviest weighs. It takes part in each, a lighter one in as many as it weighs, evenly
/// spaced and shifted by its place so that not all light ones meet in one round.
fn whose_turn(candidates: &Candidates, turn: u64) -> usize {
    let (len, rounds) = (candidates.len() as u64, u64::from(candidates.heaviest()));
    if rounds <= 1 {
        return (turn % len) as usize;
    }
    let before = |index: u64, round: u64| {
        (round * u64::from(candidates.get(index as usize).weight) + index * rounds / len) / rounds
    };
    let turns = |round: u64| (0..len).map(|index| before(index, round) - before(index, 0)).sum::<u64>();
    let mut left = turn % turns(rounds);
    // The last round that begins at this turn or earlier.
    let round = partition(rounds, |round| turns(round + 1) <= left);
    left -= turns(round);
    let takes_part = |index: &u64| before(*index, round + 1) > before(*index, round);
    (0..len).filter(takes_part).nth(left as usize).map_or(0, |index| index as usize)
}

/// The first of `0..end` for which `holds` does not, as those for which it does come first.
fn partition(end: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, end);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) { low = middle + 1 } else { high = middle }
    }
    low
}
