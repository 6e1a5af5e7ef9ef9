//! Smooth weighted round robin.
use std::sync::atomic::{AtomicU64, Ordering};

use super::Policy;
use crate::balance::{Candidates, Draw};

/// Takes candidates in turn, each as often as its weight says and never in bursts.
///
/// Not for you if endpoints differ in speed by the moment: it knows their weights only.
#[derive(Debug, Default)]
pub struct RoundRobin {
    turn: AtomicU64,
}

impl Policy for RoundRobin {
    fn name(&self) -> &'static str {
        "round-robin"
    }

    fn pick(&self, candidates: &Candidates, _: &mut Draw) -> Option<usize> {
        let len = candidates.len();
        if len == 0 {
            return None;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let heaviest = candidates.heaviest();
        if heaviest <= 1 {
            return candidates.usable_from((turn % len as u64) as usize);
        }
        // Each round visits all; an endpoint of weight w takes part in w of `heaviest` rounds, evenly spaced.
        let rounds = u64::from(heaviest);
        let (round, place) = ((turn / len as u64) % rounds, (turn % len as u64) as usize);
        let takes_part = |index: usize, round: u64| {
            let weight = u64::from(candidates.get(index).weight);
            (round + 1) * weight / rounds > round * weight / rounds
        };
        let ahead = (0..len).map(|step| (place + step) % len);
        ahead
            .into_iter()
            .find(|index| candidates.is_usable(*index) && takes_part(*index, round))
            .or_else(|| candidates.usable_from(place))
    }

    fn score(&self, candidates: &Candidates, index: usize) -> f64 {
        1.0 / f64::from(candidates.get(index).weight)
    }
}
