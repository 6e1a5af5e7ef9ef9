//! Cheap random numbers that a test can fix.
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Where the draws of a stack come from; clones share it.
///
/// ```
/// use dayu_core::balance::Seed;
///
/// let (one, same) = (Seed::new(7), Seed::new(7));
/// assert_eq!(one.draw().below(100), same.draw().below(100));
/// ```
#[derive(Clone, Debug)]
pub struct Seed(Arc<AtomicU64>);

/// The numbers of one pick.
#[derive(Clone, Copy, Debug)]
pub struct Draw(u64);

/// The step of SplitMix64.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Seed {
    /// Every sequence of draws follows from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    /// A draw of its own for one pick. Two picks at the same instant may get the same, which is no worse than chance; a
    /// counter that no two can get the same from would cost more than the rest of the pick.
    #[must_use]
    pub fn draw(&self) -> Draw {
        let drawn = self.0.load(Ordering::Relaxed);
        self.0.store(drawn.wrapping_add(GOLDEN), Ordering::Relaxed);
        Draw(drawn)
    }
}

impl Draw {
    /// A draw that follows from `seed` alone.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which must not be 0.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.number()) * bound as u128) >> 64) as usize
    }

    /// Two different numbers below `bound`, which must be at least 2, from one draw.
    pub(super) fn two_below(&mut self, bound: usize) -> (usize, usize) {
        let number = self.number();
        let scaled = |part: u64, bound: usize| ((part * bound as u64) >> 32) as usize;
        let (one, other) = (scaled(number >> 32, bound), scaled(number & 0xffff_ffff, bound - 1));
        // Those from `one` on stand for the next.
        (one, other + usize::from(other >= one))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ordered_pair_is_drawn_equally_often() {
        let seed = Seed::new(3);
        let mut counts = [[0u32; 4]; 4];
        (0..12_000).for_each(|_| {
            let (one, other) = seed.draw().two_below(4);
            counts[one][other] += 1;
        });
        for (one, row) in counts.iter().enumerate() {
            for (other, count) in row.iter().enumerate() {
                let fits = if one == other { *count == 0 } else { (850..1150).contains(count) };
                assert!(fits, "({one}, {other}) {count} times of 12,000");
            }
        }
    }
}
