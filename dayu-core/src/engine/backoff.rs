//! How long what fails waits.
use std::time::Duration;

/// How long a resource that fails waits.
///
/// ```
/// use dayu_core::engine::Backoff;
/// use std::time::Duration;
///
/// let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(60) };
/// assert_eq!([1, 2, 3, 9].map(|failures| backoff.after(failures, 0.0).as_secs()), [1, 2, 4, 60]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// At most.
    pub longest: Duration,
}

impl Default for Backoff {
    /// A quarter of a second, doubling up to five minutes.
    fn default() -> Self {
        Self { first: Duration::from_millis(250), longest: Duration::from_secs(300) }
    }
}

impl Backoff {
    /// The wait after so many failures in a row, from 1. `jitter`, 0 to 1, takes up to a fifth off, so that what failed
    /// together does not come back together.
    #[must_use]
    pub fn after(&self, failures: u32, jitter: f64) -> Duration {
        let doubled = self.first.saturating_mul(1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
        doubled.min(self.longest).mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 5.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_jitter_only_shortens() {
        let backoff = Backoff::default();
        assert_eq!(backoff.after(1, 0.0), Duration::from_millis(250));
        assert_eq!(backoff.after(3, 0.0), Duration::from_secs(1));
        assert_eq!(backoff.after(40, 0.0), backoff.longest);
        assert_eq!(backoff.after(1, 1.0), Duration::from_millis(200));
    }
}
