//! The policies that users can name.
use std::{fmt, str::FromStr};

use super::{ConsistentHash, LeastRequest, Policy, PowerOfTwo, Random, RoundRobin};
use crate::balance::{Candidates, Draw, cut};

/// A policy by its name.
///
/// ```
/// use dayu_core::balance::policy::{BuiltIn, LeastRequest, NAMES, Policy};
///
/// assert!(NAMES.iter().all(|name| name.parse::<BuiltIn>().is_ok_and(|policy| policy.name() == *name)));
/// assert_eq!("least-request:5".parse(), Ok(BuiltIn::LeastRequest(LeastRequest::of(5))));
/// assert!("fastest".parse::<BuiltIn>().is_err_and(|error| error.to_string().contains("there are p2c, ")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltIn {
    /// `p2c`: [`PowerOfTwo`].
    PowerOfTwo,
    /// `least-request`, or `least-request:5` to draw five: [`LeastRequest`].
    LeastRequest(LeastRequest),
    /// `round-robin`: [`RoundRobin`].
    RoundRobin,
    /// `random`: [`Random`].
    Random,
    /// `consistent-hash`: [`ConsistentHash`].
    ConsistentHash,
}

/// The names that [`BuiltIn`] is read from, the default first.
pub const NAMES: [&str; 5] = ["p2c", "least-request", "round-robin", "random", "consistent-hash"];

/// Between `least-request` and how many it draws.
const OF: char = ':';

impl BuiltIn {
    fn policy(&self) -> &dyn Policy {
        match self {
            Self::PowerOfTwo => &PowerOfTwo,
            Self::LeastRequest(policy) => policy,
            Self::RoundRobin => &RoundRobin,
            Self::Random => &Random,
            Self::ConsistentHash => &ConsistentHash,
        }
    }
}

impl Policy for BuiltIn {
    fn name(&self) -> &'static str {
        self.policy().name()
    }

    fn pick(&self, candidates: &Candidates, draw: &mut Draw) -> Option<usize> {
        match self {
            Self::PowerOfTwo => PowerOfTwo.pick(candidates, draw),
            Self::LeastRequest(policy) => policy.pick(candidates, draw),
            Self::RoundRobin => RoundRobin.pick(candidates, draw),
            Self::Random => Random.pick(candidates, draw),
            Self::ConsistentHash => ConsistentHash.pick(candidates, draw),
        }
    }

    fn score(&self, candidates: &Candidates, index: usize) -> f64 {
        self.policy().score(candidates, index)
    }

    fn because(&self, candidates: &Candidates, draw: &mut Draw) -> Option<String> {
        self.policy().because(candidates, draw)
    }
}

impl fmt::Display for BuiltIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::LeastRequest(policy) if *policy != LeastRequest::default() => write!(f, "{OF}{}", policy.choices()),
            _ => Ok(()),
        }
    }
}

/// A policy name that is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no balancing policy {0:?}; there are p2c, least-request, least-request:CHOICES with CHOICES of 1 or more, \
     round-robin, random and consistent-hash"
)]
pub struct UnknownPolicy(String);

impl FromStr for BuiltIn {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Self, UnknownPolicy> {
        Ok(match name {
            "p2c" => Self::PowerOfTwo,
            "least-request" => Self::LeastRequest(LeastRequest::default()),
            "round-robin" => Self::RoundRobin,
            "random" => Self::Random,
            "consistent-hash" => Self::ConsistentHash,
            _ => {
                let choices = name.strip_prefix("least-request").and_then(|rest| rest.strip_prefix(OF)?.parse().ok());
                let choices = choices.filter(|choices| *choices > 0).ok_or_else(|| UnknownPolicy(cut(name)))?;
                Self::LeastRequest(LeastRequest::of(choices))
            }
        })
    }
}
