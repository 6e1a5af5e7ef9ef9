//! Homes for consistent hashing: from a key to an endpoint by one look, however many there are.
//!
//! Keys fall on slots, of which there are always equally many. Each endpoint ranks all slots in an order of its own, and a
//! slot belongs to whoever ranks it best. So a slot's owner follows from the endpoints alone, without a history: when one
//! goes, only its slots move, and when one comes, only to it. Nor does it follow from how owners are found: of a few, each
//! pick compares the ranks; of more, they are written down once.
//!
//! A table that fills itself by turns (Maglev) has more even shares with fewer slots, but moves keys between endpoints that
//! stay. A ring moves none and has no slots, but a key must be thrown at it several times for even shares: sixteen looks far
//! apart, which took a pick among ten thousand more than twice what it took among ten.
//!
//! Shares differ by 2 % (standard deviation) among a hundred endpoints, 7 % among a thousand, and 20 % among ten thousand, of
//! which each has 13 slots.
use super::hash;

/// Slots are numbered by so many bits: the table, a quarter of a megabyte, stays in the cache of one core beside what is
/// known of ten thousand endpoints.
const BITS: u32 = 17;
const SLOTS: u32 = 1 << BITS;
/// Of so few the ranks are compared, which is as soon done as looking up, and needs no table: on most devices a Service has
/// no more.
const FEW: usize = 8;
/// The index of no endpoint: one that stands behind so many others has no slots.
const NOBODY: u16 = u16::MAX;

/// Who has which slot.
#[derive(Debug)]
pub(crate) enum Homes {
    /// How each of a few endpoints ranks the slots.
    Few(Box<[Order]>),
    /// The index of each slot's owner.
    Many(Box<[u16]>),
}

impl Homes {
    /// The homes among endpoints with these hashes, which are called by their index.
    pub(crate) fn new(hashes: impl Iterator<Item = u64>) -> Self {
        let orders: Box<[Order]> = hashes.take(usize::from(NOBODY)).map(Order::of).collect();
        if orders.len() <= FEW { Self::Few(orders) } else { Self::Many(owners(&orders)) }
    }

    /// The indices of the endpoints in the order in which `key` would have them, from its home on; most come up many times.
    pub(crate) fn of(&self, key: u64) -> impl Iterator<Item = usize> {
        let slot = (hash::join(key, u64::from(SLOTS)) >> (u64::BITS - BITS)) as u32;
        (0..SLOTS).map_while(move |step| self.owner((slot + step) % SLOTS))
    }

    fn owner(&self, slot: u32) -> Option<usize> {
        match self {
            Self::Few(orders) => best(orders, slot),
            Self::Many(owners) => Some(owners[slot as usize].into()),
        }
    }
}

/// Whoever ranks `slot` best; of two that rank it alike, the first.
fn best(orders: &[Order], slot: u32) -> Option<usize> {
    // Rank and index in one number, so that comparing takes no branch.
    let ranked = orders.iter().enumerate().map(|(index, order)| u64::from(order.rank(slot)) << 32 | index as u64);
    ranked.min().map(|least| least as u32 as usize)
}

/// The owners of all slots: each endpoint in turn takes its next best, unless somebody ranked that better.
fn owners(orders: &[Order]) -> Box<[u16]> {
    let choices: Box<[Choices]> = orders.iter().map(Choices::of).collect();
    let (mut owners, mut free) = (vec![NOBODY; SLOTS as usize], SLOTS as usize);
    for nth in 0..SLOTS {
        // The last few slots, which nobody ranks well, are found sooner by asking all for each.
        if free * choices.len() <= SLOTS as usize {
            break;
        }
        for (index, choices) in choices.iter().enumerate() {
            let owner = &mut owners[choices.nth(nth) as usize];
            if *owner == NOBODY {
                *owner = index as u16;
                free -= 1;
            }
        }
    }
    for (slot, owner) in owners.iter_mut().enumerate().filter(|(_, owner)| **owner == NOBODY) {
        *owner = best(orders, slot as u32).map_or(NOBODY, |index| index as u16);
    }
    owners.into()
}

/// The order in which an endpoint ranks the slots: a rearrangement of their numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    /// Odd, as is `spread`: else it would not be undone.
    scale: u32,
    shift: u32,
    spread: u32,
}

impl Order {
    fn of(hash: u64) -> Self {
        let further = hash::join(hash, u64::from(BITS));
        Self { scale: hash as u32 | 1, shift: (hash >> 32) as u32, spread: further as u32 | 1 }
    }

    /// From 0, the best, to below [`SLOTS`].
    fn rank(self, slot: u32) -> u32 {
        folded(slot.wrapping_mul(self.scale).wrapping_add(self.shift)).wrapping_mul(self.spread) % SLOTS
    }
}

/// An [`Order`] the other way round: from ranks to slots.
struct Choices(Order);

impl Choices {
    fn of(order: &Order) -> Self {
        Self(Order { scale: inverse(order.scale), shift: order.shift, spread: inverse(order.spread) })
    }

    /// The slot of this rank.
    fn nth(&self, rank: u32) -> u32 {
        let Order { scale, shift, spread } = self.0;
        folded(rank.wrapping_mul(spread)).wrapping_sub(shift).wrapping_mul(scale) % SLOTS
    }
}

/// A number of [`BITS`] bits, its upper half mixed into its lower; doing so again undoes it.
fn folded(number: u32) -> u32 {
    let number = number % SLOTS;
    number ^ (number >> BITS.div_ceil(2))
}

/// What an odd number is multiplied by to get 1: each step makes twice as many bits right.
fn inverse(odd: u32) -> u32 {
    (0..4).fold(odd, |guess, _| guess.wrapping_mul(2u32.wrapping_sub(odd.wrapping_mul(guess))))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn endpoints(count: u64) -> Vec<u64> {
        (0..count).map(|endpoint| hash::bytes(&endpoint.to_be_bytes())).collect()
    }

    /// The hash of each slot's owner.
    fn owned(hashes: &[u64]) -> Vec<u64> {
        let homes = Homes::new(hashes.iter().copied());
        (0..SLOTS).map(|slot| hashes[homes.owner(slot).unwrap()]).collect()
    }

    #[test]
    fn an_order_ranks_every_slot_differently_and_is_undone() {
        for order in endpoints(20).into_iter().map(Order::of) {
            let choices = Choices::of(&order);
            assert!((0..SLOTS).all(|slot| choices.nth(order.rank(slot)) == slot));
        }
    }

    #[test]
    fn what_is_written_down_is_what_comparing_finds() {
        for count in [2, FEW as u64 + 1, 300] {
            let orders: Vec<Order> = endpoints(count).into_iter().map(Order::of).collect();
            let owners = owners(&orders);
            let compared = |slot: &u32| best(&orders, *slot).map(|index| index as u16);
            assert!((0..SLOTS).step_by(37).all(|slot| Some(owners[slot as usize]) == compared(&slot)), "{count}");
        }
    }

    #[test]
    fn only_slots_of_who_goes_move_whichever_way_owners_are_found() {
        for count in [3, FEW + 1, 1_000] {
            let all = endpoints(count as u64);
            let without: Vec<u64> = [&all[..1], &all[2..]].concat();
            let (before, after) = (owned(&all), owned(&without));
            assert!(before.iter().zip(&after).all(|(before, after)| before == after || *before == all[1]), "{count}");
        }
    }

    #[test]
    fn shares_are_even() {
        for (count, allowed) in [(2, 0.01), (10, 0.01), (100, 0.02), (1_000, 0.07), (10_000, 0.20)] {
            let hashes = endpoints(count);
            let mut shares: HashMap<u64, f64> = hashes.iter().map(|hash| (*hash, 0.0)).collect();
            owned(&hashes).into_iter().for_each(|owner| *shares.get_mut(&owner).unwrap() += 1.0);
            let fair = f64::from(SLOTS) / count as f64;
            let deviation = shares.values().map(|share| (share / fair - 1.0).powi(2)).sum::<f64>() / count as f64;
            assert!(deviation.sqrt() < allowed, "{} among {count}", deviation.sqrt());
        }
    }

    #[test]
    fn every_endpoint_comes_up_and_none_among_none() {
        for count in [1, 10, 50] {
            let homes = Homes::new(endpoints(count).into_iter());
            let near: Vec<usize> = homes.of(7).take(1_000).collect();
            assert!((0..count as usize).all(|index| near.contains(&index)), "{count}");
        }
        assert_eq!(Homes::new(std::iter::empty()).of(7).next(), None);
    }

    #[test]
    fn more_than_can_be_told_apart_are_no_mistake() {
        let homes = Homes::new(0..70_000);
        assert!((0..1_000).all(|key| homes.of(key).next() < Some(usize::from(NOBODY))));
    }
}
