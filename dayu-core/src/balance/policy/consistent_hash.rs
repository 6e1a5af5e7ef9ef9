//! Consistent hash with bounded load.
use super::Policy;
use crate::balance::{Candidates, Draw, hash};

/// Requests of one key go to one endpoint; when endpoints come and go, only the keys of those that did move, and an
/// endpoint that is too busy passes the rest on, unless the Service wants its clients to stay. Requests without a key are
/// drawn.
///
/// Ranks every candidate for the key (rendezvous hashing), so that no table has to be built or agreed upon; its cost grows
/// with the number of endpoints on the device.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConsistentHash;

/// An endpoint may have so many times its fair share of requests in flight.
const BOUND: f64 = 1.25;
/// And in any case so many: a handful overloads nobody, and the frames of one camera stay together.
const HANDFUL: u32 = 8;

impl Policy for ConsistentHash {
    fn name(&self) -> &'static str {
        "consistent-hash"
    }

    fn pick(&self, candidates: &Candidates, draw: &mut Draw) -> Option<usize> {
        let key = candidates.request().key.unwrap_or_else(|| draw.number());
        let bound = if candidates.is_sticky() { u32::MAX } else { bound(candidates) };
        let rank = |index: &usize| hash::join(key, candidates.get(*index).hash);
        let free = |index: &usize| candidates.is_usable(*index) && candidates.get(*index).load.in_flight() < bound;
        (0..candidates.len()).filter(free).max_by_key(rank)
    }

    fn score(&self, candidates: &Candidates, index: usize) -> f64 {
        let key = candidates.request().key.unwrap_or_default();
        -(hash::join(key, candidates.get(index).hash) as f64)
    }
}

/// Requests in flight from which an endpoint passes keys on.
fn bound(candidates: &Candidates) -> u32 {
    let usable = (0..candidates.len()).filter(|index| candidates.is_usable(*index));
    let (count, in_flight) = usable.fold((0u32, 0u32), |(count, sum), index| {
        (count + 1, sum.saturating_add(candidates.get(index).load.in_flight()))
    });
    let share = f64::from(in_flight.saturating_add(1)) / f64::from(count.max(1));
    ((share * BOUND).ceil() as u32).max(HANDFUL)
}
