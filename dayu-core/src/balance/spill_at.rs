//! How busy a preferred device may be before others help.
use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

use super::cut;

/// So many requests in flight for each endpoint of a preferred device, from which others are used too.
///
/// People write `never`, or the number with its unit:
///
/// ```
/// use dayu_core::balance::SpillAt;
///
/// assert_eq!("8-in-flight".parse(), Ok(SpillAt::in_flight(8)));
/// assert_eq!(SpillAt::NEVER.to_string(), "never");
/// assert!("8".parse::<SpillAt>().is_err_and(|error| error.to_string().contains("such as 8-in-flight")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpillAt(u32);

const UNIT: &str = "-in-flight";
const NEVER: &str = "never";

impl SpillAt {
    /// However many: only a device without a usable endpoint sends elsewhere.
    pub const NEVER: Self = Self(u32::MAX);

    /// From `each` requests in flight for each endpoint on; from 0, always.
    #[must_use]
    pub const fn in_flight(each: u32) -> Self {
        Self(each)
    }

    pub(super) const fn each(self) -> u32 {
        self.0
    }
}

impl fmt::Display for SpillAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NEVER { f.write_str(NEVER) } else { write!(f, "{}{UNIT}", self.0) }
    }
}

impl Serialize for SpillAt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is no [`SpillAt`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no load to spill at; there are never (the default) and NUMBER-in-flight, with so many requests in flight for each \
     endpoint of the device, such as 8-in-flight"
)]
pub struct UnknownSpill(String);

impl FromStr for SpillAt {
    type Err = UnknownSpill;

    fn from_str(text: &str) -> Result<Self, UnknownSpill> {
        if text == NEVER {
            return Ok(Self::NEVER);
        }
        let each = text.strip_suffix(UNIT).and_then(|each| each.parse().ok());
        each.map(Self).ok_or_else(|| UnknownSpill(cut(text)))
    }
}
