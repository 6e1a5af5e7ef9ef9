//! A sudden empty list is not believed at once.

/// What to make of a list of a collection.
///
/// ```
/// use dayu_core::directory::Suspicion;
///
/// let first = Suspicion::default().next(100, 100);
/// assert_eq!(first, Suspicion::Confirm);
/// assert_eq!(first.next(100, 100), Suspicion::Believable, "the list after it lacks them, too");
/// assert_eq!(Suspicion::default().next(100, 3), Suspicion::Believable);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Suspicion {
    /// Take it: what it lacks is gone.
    #[default]
    Believable,
    /// Keep what it lacks and ask again: more than half vanished at once.
    Confirm,
}

/// Below so many objects, any list is believed: a handful comes and goes all the time.
const FEW: usize = 4;

impl Suspicion {
    /// What to make of the next list, which lacks `missing` of the `known` objects, where this was made of the one before.
    #[must_use]
    pub fn next(self, known: usize, missing: usize) -> Self {
        let is_sudden = known >= FEW && missing * 2 > known;
        if is_sudden && self == Self::Believable { Self::Confirm } else { Self::Believable }
    }
}
