//! A sudden empty list is not believed at once.
/// What to make of a new list of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspicion {
    /// Take it: what it lacks is gone.
    Believable,
    /// Keep what it lacks and ask again: more than half vanished at once.
    Confirm,
}

/// Below so many objects, any list is believed: a handful comes and goes all the time.
const FEW: usize = 4;

/// Judges a list that has `missing` of the `known` objects no more; `confirmed` when the list before was suspicious and
/// lacked them too.
///
/// ```
/// use dayu_core::directory::{Suspicion, judge};
/// assert_eq!(judge(100, 100, false), Suspicion::Confirm);
/// assert_eq!(judge(100, 100, true), Suspicion::Believable);
/// assert_eq!(judge(100, 3, false), Suspicion::Believable);
/// ```
#[must_use]
pub fn judge(known: usize, missing: usize, confirmed: bool) -> Suspicion {
    if !confirmed && known >= FEW && missing * 2 > known { Suspicion::Confirm } else { Suspicion::Believable }
}
