//! Consistent hash with bounded load.
use super::Policy;
use crate::balance::{Candidates, Draw, hash};

/// Requests of one key go to one endpoint; when endpoints come and go, only the keys of those that did move, and an
/// endpoint that is too busy passes the rest on. Requests without a key are drawn.
///
/// Ranks every candidate for the key (rendezvous hashing), so that no table has to be built or agreed upon; its cost grows
/// with the number of endpoints on the device.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConsistentHash;

/// An endpoint may have so many times its fair share of requests in flight.
const BOUND: f64 = 1.25;

impl Policy for ConsistentHash {
    fn name(&self) -> &'static str {
        "consistent-hash"
    }

    fn pick(&self, candidates: &Candidates, draw: &mut Draw) -> Option<usize> {
        let key = candidates.request().key.unwrap_or_else(|| draw.number());
        let mut usable = 0u32;
        let mut in_flight = 0u32;
        for index in (0..candidates.len()).filter(|index| candidates.is_usable(*index)) {
            usable += 1;
            in_flight += candidates.get(index).load.in_flight();
        }
        // The request itself counts, so that a bound is never below one.
        let bound = (f64::from(in_flight + 1) / f64::from(usable.max(1)) * BOUND).ceil() as u32;
        let rank = |index: &usize| hash::join(key, candidates.get(*index).hash);
        let free = |index: &usize| candidates.is_usable(*index) && candidates.get(*index).load.in_flight() < bound;
        (0..candidates.len()).filter(free).max_by_key(rank)
    }

    fn score(&self, candidates: &Candidates, index: usize) -> f64 {
        let key = candidates.request().key.unwrap_or_default();
        -(hash::join(key, candidates.get(index).hash) as f64)
    }
}
