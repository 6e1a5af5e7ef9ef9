//! How long a worker that does not hold is left alone.
use jiff::SignedDuration;

/// A worker that ran so long before it ended is taken for healthy: the next end counts as a first crash.
const HEALTHY: SignedDuration = SignedDuration::from_mins(10);
/// The longest pause after a crash.
const LONGEST: SignedDuration = SignedDuration::from_mins(5);
/// The longest pause after a start that failed: what it lacked may be there any moment.
const LONGEST_UNSTARTED: SignedDuration = SignedDuration::from_secs(5);

/// Pause after a crash when `crashes` came before it: none at the first, then 1 s, doubled up to five minutes.
pub(super) fn after_crash(crashes: u32) -> SignedDuration {
    match crashes.checked_sub(1) {
        None => SignedDuration::ZERO,
        Some(doublings) => doubled(doublings).min(LONGEST),
    }
}

/// Pause after a start that failed when `failures` came before it: 1 s, doubled up to five seconds.
pub(super) fn after_failed_start(failures: u32) -> SignedDuration {
    doubled(failures).min(LONGEST_UNSTARTED)
}

/// Whether a run of this length forgives the crashes before it.
pub(super) fn forgives(ran: SignedDuration) -> bool {
    ran >= HEALTHY
}

fn doubled(times: u32) -> SignedDuration {
    SignedDuration::from_secs(1_i64 << times.min(16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_crash_is_free_and_the_pause_is_bounded() {
        let pauses: Vec<i64> = (0..12).map(|crashes| after_crash(crashes).as_secs()).collect();
        assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(after_crash(u32::MAX), LONGEST);
        assert_eq!(after_failed_start(u32::MAX), LONGEST_UNSTARTED);
    }
}
