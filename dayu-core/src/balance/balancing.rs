//! What a Service says of how it is balanced.
use std::{fmt, str::FromStr};

use serde::Serialize;

use super::{SpillAt, cut, policy::BuiltIn};
use crate::api::annotation;

/// What holds for the requests to a Service, whoever sends them; what it leaves unsaid is the sender's to say.
///
/// ```
/// use dayu_core::balance::{Balancing, SpillAt, policy::BuiltIn};
///
/// let said = Balancing::said(Some("fastest"), Some("8-in-flight"));
/// assert_eq!((said.policy, said.spill_at), (None, Some(SpillAt::in_flight(8))));
/// assert!(said.ignored[0].to_string().contains("dayu.io/balance is ignored, and the default holds: no balancing policy \"fastest\""));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Balancing {
    /// What chooses among its endpoints, unless a request has a key.
    pub policy: Option<BuiltIn>,
    /// From how busy a device on requests that only prefer it may go to another, unless they say so themselves.
    pub spill_at: Option<SpillAt>,
    /// What cannot be read, and therefore is as good as unsaid.
    pub ignored: Vec<Ignored>,
}

/// An annotation that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Ignored {
    /// Its name.
    pub annotation: &'static str,
    /// Its value, of a long one the beginning.
    pub value: String,
    /// What is wrong with that, and which values there are.
    pub why: String,
}

impl Balancing {
    /// What the annotations `dayu.io/balance` and `dayu.io/spill` say, if they are there.
    #[must_use]
    pub fn said(balance: Option<&str>, spill: Option<&str>) -> Self {
        let mut ignored = Vec::new();
        let policy = read(annotation::BALANCE, balance, &mut ignored);
        let spill_at = read(annotation::SPILL, spill, &mut ignored);
        Self { policy, spill_at, ignored }
    }
}

fn read<T>(annotation: &'static str, value: Option<&str>, ignored: &mut Vec<Ignored>) -> Option<T>
where
    T: FromStr<Err: fmt::Display>,
{
    let value = value?;
    let unread = |error: T::Err| ignored.push(Ignored { annotation, value: cut(value), why: error.to_string() });
    value.parse().map_err(unread).ok()
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is ignored, and the default holds: {}", self.annotation, self.why)
    }
}
