//! Policies: which of the usable candidates gets the request. Each is a few lines; write your own likewise.
mod built_in;
mod consistent_hash;
mod least_request;
mod power_of_two;
mod random;
mod round_robin;

pub use built_in::{BuiltIn, NAMES, UnknownPolicy};
pub use consistent_hash::ConsistentHash;
pub use least_request::LeastRequest;
pub use power_of_two::PowerOfTwo;
pub use random::Random;
pub use round_robin::RoundRobin;

use super::{Candidates, Draw};

/// Picks one of the candidates. Called for every request, on every thread at once: no lock, no allocation, no log line.
///
/// ```
/// use dayu_core::balance::{Candidates, Draw, Policy};
///
/// /// The first usable endpoint by address: for a service whose second replica is a spare.
/// struct First;
///
/// impl Policy for First {
///     fn name(&self) -> &'static str {
///         "first"
///     }
///
///     fn pick(&self, candidates: &Candidates, _: &mut Draw) -> Option<usize> {
///         candidates.usable_from(0)
///     }
/// }
/// ```
#[cfg_attr(any(test, feature = "test-util"), mockall::automock)]
pub trait Policy: Send + Sync + 'static {
    /// What users call it.
    fn name(&self) -> &'static str;

    /// The index of a usable candidate, or none when none is usable. The same draw picks the same.
    fn pick(&self, candidates: &Candidates, draw: &mut Draw) -> Option<usize>;

    /// What the policy goes by, for explanations: of candidates that it compares, the lower, the better.
    fn score(&self, candidates: &Candidates, index: usize) -> f64 {
        candidates.get(index).load.cost(candidates.now())
    }

    /// What the pick with the same draw is decided by, for explanations: words that go on after "picked because", such as "it is
    /// its turn". None where there is nothing to say but the scores.
    fn because(&self, _candidates: &Candidates, _draw: &mut Draw) -> Option<String> {
        None
    }
}

impl<P: Policy + ?Sized> Policy for Box<P> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn pick(&self, candidates: &Candidates, draw: &mut Draw) -> Option<usize> {
        (**self).pick(candidates, draw)
    }

    fn score(&self, candidates: &Candidates, index: usize) -> f64 {
        (**self).score(candidates, index)
    }

    fn because(&self, candidates: &Candidates, draw: &mut Draw) -> Option<String> {
        (**self).because(candidates, draw)
    }
}
