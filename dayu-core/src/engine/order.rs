//! The order in which keys are taken: those that go on before those that only begin, so that the first of thousands are done
//! long before the last are begun.
use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
};

/// So many that go on are taken for one that begins, as long as there are both: what never comes to rest holds up nobody.
const SHARE: u32 = 4;

/// Which of two rows a key stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Row {
    /// What it waited for has come.
    GoesOn,
    Begins,
}

/// Its row, and behind how many.
type Place = (Row, u64);

/// The end of the first row.
const FIRST_ROW: Place = (Row::GoesOn, u64::MAX);

/// Keys in order, each once.
#[derive(Debug)]
pub(super) struct Order<K> {
    places: BTreeMap<Place, K>,
    keys: BTreeMap<K, Place>,
    /// How many ever stood here.
    count: u64,
    /// How many that go on were taken since the last that begins.
    in_a_row: u32,
}

impl<K> Default for Order<K> {
    fn default() -> Self {
        Self { places: BTreeMap::new(), keys: BTreeMap::new(), count: 0, in_a_row: 0 }
    }
}

impl<K: Clone + Ord> Order<K> {
    /// Puts `key` at the end of its row. One that is there already keeps its place, unless it goes on from now.
    pub(super) fn put(&mut self, key: K, row: Row) {
        match self.keys.get(&key).copied() {
            Some((before, _)) if before <= row => return,
            Some(place) => self.places.remove(&place),
            None => None,
        };
        let place = (row, self.count);
        self.count += 1;
        self.places.insert(place, key.clone());
        self.keys.insert(key, place);
    }

    /// The next one.
    pub(super) fn take(&mut self) -> Option<K> {
        let first = *self.places.first_key_value()?.0;
        let begins = self.places.range((Excluded(FIRST_ROW), Unbounded)).next().map(|(place, _)| *place);
        let place = begins.filter(|_| self.in_a_row >= SHARE).unwrap_or(first);
        self.in_a_row = if place.0 == Row::GoesOn { self.in_a_row.saturating_add(1) } else { 0 };
        let key = self.places.remove(&place)?;
        self.keys.remove(&key);
        Some(key)
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.keys.contains_key(key)
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(order: &mut Order<u32>) -> Vec<u32> {
        std::iter::from_fn(|| order.take()).collect()
    }

    #[test]
    fn who_goes_on_is_taken_before_who_begins_and_each_row_in_turn() {
        let mut order = Order::default();
        (1..=3).for_each(|key| order.put(key, Row::Begins));
        order.put(10, Row::GoesOn);
        order.put(11, Row::GoesOn);
        order.put(10, Row::Begins);
        order.put(3, Row::GoesOn);
        assert_eq!((order.len(), order.contains(&3)), (5, true), "each once");
        assert_eq!(taken(&mut order), [10, 11, 3, 1, 2]);
        assert!(!order.contains(&3));
    }

    #[test]
    fn what_never_comes_to_rest_holds_up_nobody() {
        let mut order = Order::default();
        (0..5).for_each(|key| order.put(key, Row::Begins));
        let mut begun = 0;
        for round in 1..=25 {
            order.put(100 + round % 3, Row::GoesOn);
            begun += u32::from(order.take().is_some_and(|key| key < 100));
            assert_eq!(begun, round / (SHARE + 1), "after {round}");
        }
    }

    #[test]
    fn who_alone_waits_is_taken() {
        let mut order = Order::default();
        (0..20).for_each(|key| order.put(key, Row::GoesOn));
        assert_eq!(taken(&mut order).len(), 20);
        order.put(1, Row::Begins);
        order.put(2, Row::GoesOn);
        assert_eq!(taken(&mut order), [1, 2], "its turn has come long since");
    }
}
