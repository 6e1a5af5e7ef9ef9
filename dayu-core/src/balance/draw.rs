//! Cheap random numbers that a test can fix.
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Where the draws of a stack come from; clones share it.
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

    /// A draw of its own for one pick: one atomic addition.
    #[must_use]
    pub fn draw(&self) -> Draw {
        Draw(self.0.fetch_add(GOLDEN, Ordering::Relaxed))
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
}
