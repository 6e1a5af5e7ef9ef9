//! Consistent hash with bounded load.
use super::Policy;
use crate::balance::{Candidates, Draw};

/// Requests of one key go to one endpoint; when endpoints come and go, only the keys of those that did move, and an
/// endpoint that is too busy passes the rest on, unless the Service wants its clients to stay. Requests without a key are
/// drawn. Shares are equal, whatever endpoints weigh.
///
/// A home is looked up, which costs the same for ten and ten thousand. Where there are more than a few candidates, their homes
/// are written down for the first request with a key (a few milliseconds) and from then on with each change, before picks see
/// it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConsistentHash;

/// An endpoint may have so many times its fair share of requests in flight.
const BOUND: f64 = 1.25;
/// And in any case so many: a handful overloads nobody, and the frames of one camera stay together.
const HANDFUL: u32 = 8;
/// So many candidates are looked at to tell what the fair share is.
const LOOKED_AT: usize = 16;
/// So far from the home on is searched for one that is usable or not busy; if all are busy, the least busy of them has it.
const NEAR: usize = 64;

impl Policy for ConsistentHash {
    fn name(&self) -> &'static str {
        "consistent-hash"
    }

    fn pick(&self, candidates: &Candidates, draw: &mut Draw) -> Option<usize> {
        let key = candidates.request().key.unwrap_or_else(|| draw.number());
        let field = candidates.field();
        let near = || candidates.homes().of(key).take(NEAR).filter(|index| field.is_usable(*index));
        let busy = |index: usize| field.load(index).in_flight();
        let Some(home) = near().next() else {
            return candidates.usable_from(candidates.homes().of(key).next()?);
        };
        if candidates.is_sticky() || busy(home) < HANDFUL {
            return Some(home);
        }
        // What each would have if this request went to all in equal parts.
        let share = field.mean_in_flight(draw.below(field.len()), LOOKED_AT) + 1.0 / field.len() as f64;
        let bound = ((share * BOUND).ceil() as u32).max(HANDFUL);
        near().find(|index| busy(*index) < bound).or_else(|| near().min_by_key(|index| busy(*index)))
    }

    /// How far from the home on the candidate comes up.
    fn score(&self, candidates: &Candidates, index: usize) -> f64 {
        let key = candidates.request().key.unwrap_or_default();
        candidates.homes().of(key).take(NEAR).position(|near| near == index).unwrap_or(NEAR) as f64
    }

    fn because(&self, candidates: &Candidates, _: &mut Draw) -> Option<String> {
        Some(match candidates.request().key {
            Some(_) => "it is the first from the key's home on that is usable and not too busy".to_owned(),
            None => "its part of the hashes was drawn, since the request has no key".to_owned(),
        })
    }
}
