//! A measurement that fades with time.
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// A value and the moment it was taken; none before the first.
#[derive(Debug, Default)]
pub(super) struct Faded {
    /// Nanoseconds, as the bits of a float; 0 when nothing was measured.
    value: AtomicU64,
    taken_at: AtomicU64,
}

impl Faded {
    /// What is left of it at `now` when it halves within `half`.
    pub(super) fn at(&self, now: Duration, half: Duration) -> Option<f64> {
        let value = self.value.load(Relaxed);
        if value == 0 {
            return None;
        }
        let age = nanos(now).saturating_sub(self.taken_at.load(Relaxed));
        Some(f64::from_bits(value) * remainder(age as f64 / nanos(half) as f64))
    }

    /// Whether there is any.
    pub(super) fn is_taken(&self) -> bool {
        self.value.load(Relaxed) != 0
    }

    /// Replaces it.
    pub(super) fn set(&self, value: f64, now: Duration) {
        self.value.store(value.to_bits(), Relaxed);
        self.taken_at.store(nanos(now), Relaxed);
    }

    /// Takes over another's.
    pub(super) fn copy(&self, other: &Self) {
        self.value.store(other.value.load(Relaxed), Relaxed);
        self.taken_at.store(other.taken_at.load(Relaxed), Relaxed);
    }
}

/// What is left after so many half-lives: exact at whole ones and straight between, which needs no call of `exp`.
fn remainder(half_lives: f64) -> f64 {
    let whole = half_lives.min(1000.0).floor();
    let halved = f64::from_bits((1023 - whole as u64) << 52);
    halved * (1.0 - (half_lives.min(1000.0) - whole) / 2.0)
}

/// Nanoseconds; 584 years fit.
pub(super) fn nanos(time: Duration) -> u64 {
    time.as_secs().wrapping_mul(1_000_000_000).wrapping_add(u64::from(time.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_halves_and_never_rises() {
        let value = Faded::default();
        assert_eq!(value.at(Duration::from_secs(1), Duration::from_secs(1)), None);
        value.set(800.0, Duration::from_secs(10));
        let at = |millis| value.at(Duration::from_millis(millis), Duration::from_secs(1)).unwrap();
        assert_eq!([at(9_000), at(10_000), at(11_000), at(13_000)], [800.0, 800.0, 400.0, 100.0]);
        let fading: Vec<f64> = (10_000..40_000).step_by(7).map(at).collect();
        assert!(fading.windows(2).all(|pair| pair[1] <= pair[0] && pair[1] > 0.0));
        assert!(at(u64::from(u32::MAX) * 1_000).is_finite());
    }
}
