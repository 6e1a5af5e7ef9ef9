//! Numbers of a range, each given to one holder at a time.
use std::{collections::BTreeSet, ops::RangeInclusive};

use sha2::{Digest, Sha256};

#[derive(Debug)]
pub(super) struct Pool {
    range: RangeInclusive<u32>,
    taken: BTreeSet<u32>,
}

impl Pool {
    pub(super) fn new(range: RangeInclusive<u32>) -> Self {
        Self { range, taken: BTreeSet::new() }
    }

    /// Marks a number as taken, whoever had it.
    pub(super) fn reserve(&mut self, number: u32) {
        self.taken.insert(number);
    }

    /// Takes exactly this number, if it is free.
    pub(super) fn take(&mut self, number: u32) -> bool {
        self.range.contains(&number) && self.taken.insert(number)
    }

    /// Takes the number that follows from `seed`, or the next free one after it.
    pub(super) fn any(&mut self, seed: &str) -> Option<u32> {
        let (first, last) = (*self.range.start(), *self.range.end());
        let digest = Sha256::digest(seed.as_bytes());
        let wish = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        let wish = first + wish % (last - first + 1);
        let number = (wish..=last).chain(first..wish).find(|number| !self.taken.contains(number))?;
        self.taken.insert(number);
        Some(number)
    }

    pub(super) fn release(&mut self, number: u32) {
        self.taken.remove(&number);
    }
}
