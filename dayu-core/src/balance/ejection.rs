//! Failures in a row put an endpoint out of the choice for a while, and each time for longer.
use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use super::latency::nanos;

/// So many failures in a row eject an endpoint.
const EJECT_AFTER: u32 = 5;
/// For so long the first time, doubling with each ejection in a row.
const FIRST_EJECTION: Duration = Duration::from_secs(1);
/// Longest ejection. A healed endpoint is noticed within this time; one that never heals costs one request in it.
const MAX_EJECTION: Duration = Duration::from_secs(8);

#[derive(Debug, Default)]
pub(super) struct Ejection {
    /// Failures in a row.
    failures: AtomicU32,
    /// Ejections in a row.
    times: AtomicU32,
    /// Requests that were in flight at the last one: they may stay for hours and are no probes.
    held: AtomicU32,
    /// Nanoseconds.
    until: AtomicU64,
}

impl Ejection {
    /// The endpoint works.
    pub(super) fn end(&self) {
        self.failures.store(0, Relaxed);
        self.times.store(0, Relaxed);
    }

    /// A request failed while so many were `in_flight`.
    pub(super) fn failed(&self, in_flight: u32, now: Duration) {
        let failures = self.failures.fetch_add(1, Relaxed) + 1;
        // After an ejection the first failure ejects again: the endpoint was on probation.
        if failures >= EJECT_AFTER || self.is_on_probation() {
            let before = self.times.fetch_add(1, Relaxed).min(8);
            let time = (FIRST_EJECTION * (1 << before)).min(MAX_EJECTION);
            self.held.store(in_flight, Relaxed);
            self.until.store(nanos(now + time), Relaxed);
            self.failures.store(0, Relaxed);
        }
    }

    /// Whether none of it may be tried at `now`, in nanoseconds, beside so many `in_flight`. When its time is over it is on
    /// probation: a request or two at a time, until one succeeds.
    pub(super) fn holds(&self, in_flight: u32, now: u64) -> bool {
        self.is_on_probation() && (now < self.until.load(Relaxed) || in_flight > self.held.load(Relaxed))
    }

    fn is_on_probation(&self) -> bool {
        self.times.load(Relaxed) > 0
    }
}
