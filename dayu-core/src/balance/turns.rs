//! Whose turn it is: each endpoint as often as it weighs, its turns spread over the round.
//!
//! A round is laid out once and then only read, so that a turn costs the same however many there are.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// So many turns a round may have for each endpoint, and in any case [`FEW`] in all. Beyond, weights are told apart less
/// finely: an endpoint that weighs as much as most has its share to a thirtieth.
const TURNS: u64 = 16;
const FEW: u64 = 4096;

/// The turns of some endpoints.
#[derive(Debug)]
pub(crate) struct Turns {
    len: usize,
    /// Who has each turn of a round, by index. Empty where all weigh the same: then each has the turn of its index.
    round: Box<[u32]>,
    /// The turn that is next.
    next: AtomicU64,
}

impl Turns {
    /// The turns of endpoints with these weights, which are called by their index. They go on after those of `before`: who
    /// stands first would else have one more with each change.
    pub(crate) fn new(weights: impl Iterator<Item = u64>, before: Option<&Self>) -> Self {
        let weights = shortened(weights.collect());
        let (len, next) = (weights.len(), AtomicU64::new(before.map_or(0, |before| before.next.load(Relaxed))));
        if weights.iter().all(|weight| *weight == 1) {
            return Self { len, round: Box::default(), next };
        }
        // Of an endpoint's turns, one lies in each of as many equal parts of the round as it weighs. Where in its parts is its
        // own, so that equal endpoints do not come one after the other.
        let moments = |(index, weight): (usize, &u64)| {
            let (within, weight) = (golden(index), *weight);
            (0..weight).map(move |nth| ((nth as f64 + within) / weight as f64, index as u32))
        };
        let mut round: Vec<(f64, u32)> = weights.iter().enumerate().flat_map(moments).collect();
        round.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        Self { len, round: round.into_iter().map(|(_, index)| index).collect(), next }
    }

    /// Who has the next turn; 0 where nobody is.
    pub(crate) fn take(&self) -> usize {
        self.of(self.next.fetch_add(1, Relaxed))
    }

    /// Who would have it if so many were taken before.
    pub(crate) fn ahead(&self, taken: u64) -> usize {
        self.of(self.next.load(Relaxed).wrapping_add(taken))
    }

    fn of(&self, turn: u64) -> usize {
        let nth = |of: usize| turn.checked_rem(of as u64).unwrap_or_default() as usize;
        self.round.get(nth(self.round.len())).map_or_else(|| nth(self.len), |index| *index as usize)
    }
}

/// The smallest whole numbers that stand to each other as the weights do, as far as a round has room.
fn shortened(mut weights: Vec<u64>) -> Vec<u64> {
    let common = weights.iter().copied().fold(0, common).max(1);
    weights.iter_mut().for_each(|weight| *weight = (*weight / common).max(1));
    let (sum, room) = (weights.iter().sum::<u64>(), FEW.max(TURNS * weights.len() as u64));
    if sum > room {
        weights.iter_mut().for_each(|weight| *weight = ((*weight * room + sum / 2) / sum).max(1));
    }
    weights
}

/// The largest number that both are multiples of.
fn common(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common(b, a % b) }
}

/// Numbers from 0 to below 1 of which any few that follow each other lie far apart.
fn golden(nth: usize) -> f64 {
    const SECTION: f64 = 0.618_033_988_749_894_9;
    (nth as f64 * SECTION).fract()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn order(weights: &[u16], turns: u64) -> Vec<usize> {
        let all = Turns::new(weights.iter().copied().map(u64::from), None);
        (0..turns).map(|turn| all.of(turn)).collect()
    }

    #[test]
    fn turns_are_spread() {
        assert_eq!(order(&[4, 1, 1], 6), [0, 2, 0, 0, 1, 0]);
        assert_eq!(order(&[7, 7, 7], 4), [0, 1, 2, 0], "equal weights need no round");
        assert_eq!(order(&[1, 3], 8), [0, 1, 1, 1, 0, 1, 1, 1]);
        assert_eq!(Turns::new(std::iter::empty(), None).of(3), 0);
    }

    #[test]
    fn turns_go_on_where_endpoints_change_and_looking_ahead_takes_none() {
        let before = Turns::new([1, 1, 1].into_iter(), None);
        assert_eq!((before.ahead(1), before.take(), before.take()), (1, 0, 1));
        let after = Turns::new([1, 1, 1, 1].into_iter(), Some(&before));
        assert_eq!((after.take(), after.take(), after.take()), (2, 3, 0));
    }

    #[test]
    fn a_round_has_room_for_the_heaviest() {
        let weights: Vec<u64> = (0..10_000).map(|index| if index % 2 == 0 { 65_535 } else { 32_768 }).collect();
        let turns = Turns::new(weights.into_iter(), None);
        assert!((150_000..170_000).contains(&turns.round.len()), "{}", turns.round.len());
        assert_eq!(order(&[65_535, 1], 65_536).iter().filter(|index| **index == 1).count(), 16, "less finely");
    }

    proptest! {
        /// Each has as many turns in a round as it weighs, and at no moment of it is anyone as many as three turns ahead of
        /// what is due to it, or behind.
        #[test]
        fn everyone_gets_what_is_due_at_any_time(weights in proptest::collection::vec(1..20_u16, 1..30)) {
            let round: u64 = weights.iter().copied().map(u64::from).sum();
            let order = order(&weights, round);
            for (index, weight) in weights.iter().enumerate() {
                prop_assert_eq!(order.iter().filter(|whose| **whose == index).count(), usize::from(*weight));
                let mut had = 0.0;
                for (turn, whose) in order.iter().enumerate() {
                    had += f64::from(u8::from(*whose == index));
                    let due = f64::from(*weight) * (turn + 1) as f64 / round as f64;
                    prop_assert!((had - due).abs() < 3.0, "{}: {} of {} at {}", index, had, due, turn);
                }
            }
        }
    }
}
