//! Policies: which of the usable candidates gets the request. Each is a few lines; write your own likewise.
mod consistent_hash;
mod least_request;
mod power_of_two;
mod random;
mod round_robin;

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

    /// What the policy goes by, for explanations: the lower, the better.
    fn score(&self, candidates: &Candidates, index: usize) -> f64 {
        candidates.get(index).load.cost(candidates.now())
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
}

/// Picks by `policy`; a request with a key, by consistent hash.
pub(super) fn pick<P: Policy + ?Sized>(policy: &P, candidates: &Candidates, draw: &mut Draw) -> Option<usize> {
    if candidates.request().key.is_some() {
        ConsistentHash.pick(candidates, draw)
    } else {
        policy.pick(candidates, draw)
    }
}

/// The one that [`pick`] picks by.
pub(super) fn in_force<'a>(policy: &'a dyn Policy, candidates: &Candidates) -> &'a dyn Policy {
    if candidates.request().key.is_some() { &ConsistentHash } else { policy }
}

/// A policy name that is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no balancing policy {0:?}; there are p2c (the default), least-request, least-request:CHOICES with CHOICES of 1 or more, \
     round-robin, random and consistent-hash"
)]
pub struct UnknownPolicy(String);

/// What [`by_name`] knows, the default first; `least-request:5` is one that draws five candidates.
pub const NAMES: [&str; 5] = ["p2c", "least-request", "round-robin", "random", "consistent-hash"];

/// The policy that users call `name`.
///
/// ```
/// use dayu_core::balance::policy::{NAMES, by_name};
///
/// assert!(NAMES.iter().all(|name| by_name(name).is_ok_and(|policy| policy.name() == *name)));
/// assert!(by_name("fastest").is_err_and(|error| error.to_string().contains("p2c (the default)")));
/// ```
///
/// # Errors
/// [`UnknownPolicy`] lists the known names.
pub fn by_name(name: &str) -> Result<Box<dyn Policy>, UnknownPolicy> {
    Ok(match name {
        "p2c" => Box::new(PowerOfTwo),
        "least-request" => Box::new(LeastRequest::default()),
        "round-robin" => Box::new(RoundRobin::default()),
        "random" => Box::new(Random),
        "consistent-hash" => Box::new(ConsistentHash),
        _ => {
            let choices = name.strip_prefix("least-request:").and_then(|choices| choices.parse().ok());
            let choices = choices.filter(|choices| *choices > 0).ok_or_else(|| UnknownPolicy(name.to_owned()))?;
            Box::new(LeastRequest::of(choices))
        }
    })
}
