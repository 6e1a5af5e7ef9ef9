//! What is measured of one endpoint: requests in flight, latency, failures. Atomics only.
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::decay::{Faded, nanos};

/// A latency estimate halves within this time without an answer: what was slow is looked at again before long.
const LATENCY_HALVES: Duration = Duration::from_secs(7);
/// What an endpoint is believed to take before anything was measured of it or its peers.
const UNKNOWN: Duration = Duration::from_millis(1);
/// What a failure adds to the latency, however fast it came: a fast failure must not attract requests.
const PENALTY: Duration = Duration::from_secs(5);
/// The penalty halves within this time, so that after ten of it a healed endpoint is an endpoint like others.
const PENALTY_HALVES: Duration = Duration::from_millis(700);
/// So many failures in a row eject an endpoint.
const EJECT_AFTER: u32 = 5;
/// For so long the first time, doubling with each ejection in a row.
const FIRST_EJECTION: Duration = Duration::from_secs(1);
/// Longest ejection. A healed endpoint is noticed within this time; one that never heals costs one request in it.
pub const MAX_EJECTION: Duration = Duration::from_secs(8);

/// Measurements of one endpoint, shared by all who use it. Times are durations since any moment fixed per process.
///
/// Two answers at the same instant may lose one of the two samples; an estimate does not miss it, and no pick waits.
#[derive(Debug, Default)]
#[repr(align(64))] // One cache line an endpoint: a pick reads two of them and no neighbour's writes disturb it.
pub struct Load {
    in_flight: AtomicU32,
    failures: AtomicU32,
    served: AtomicU64,
    latency: Faded,
    penalty: Faded,
    ejections: AtomicU32,
    /// Requests that were in flight at the last ejection: they may stay for hours and are no probes.
    held: AtomicU32,
    ejected_until: AtomicU64,
}

/// One request in flight; ends when dropped.
#[derive(Debug)]
pub struct InFlight(Arc<Load>);

impl Load {
    /// Requests in flight.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// Requests ever begun, plus the share that a newcomer began with.
    #[must_use]
    pub fn served(&self) -> u64 {
        self.served.load(Relaxed)
    }

    /// Lets a newcomer begin as if it were `peer`: with no history of its own it would be starved or flooded.
    pub(crate) fn begin_like(&self, peer: &Self) {
        self.served.store(peer.served(), Relaxed);
        self.latency.copy(&peer.latency);
    }

    /// Begins a request.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Relaxed);
        self.served.fetch_add(1, Relaxed);
        InFlight(self.clone())
    }

    /// The latency estimate at `now`, penalty for failures included: a peak is remembered and fades.
    #[must_use]
    pub fn latency(&self, now: Duration) -> Duration {
        Duration::from_nanos(self.expected(now) as u64)
    }

    /// Whether anything was measured; until then an endpoint is told from others by its requests in flight alone.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.latency.is_taken() || self.penalty.is_taken()
    }

    /// What one more request would cost at `now`: latency times requests in flight, one more included.
    #[must_use]
    pub fn cost(&self, now: Duration) -> f64 {
        self.expected(now) * self.queue()
    }

    /// Requests in flight, one more included.
    pub(super) fn queue(&self) -> f64 {
        f64::from(self.in_flight().saturating_add(1))
    }

    /// Nanoseconds that a request is expected to take.
    pub(super) fn expected(&self, now: Duration) -> f64 {
        let latency = self.latency.at(now, LATENCY_HALVES).unwrap_or(UNKNOWN.as_nanos() as f64);
        latency + self.penalty.at(now, PENALTY_HALVES).unwrap_or_default()
    }

    /// A request was answered after `latency`.
    pub fn succeeded(&self, latency: Duration, now: Duration) {
        self.failures.store(0, Relaxed);
        self.ejections.store(0, Relaxed);
        let fresh = latency.as_nanos().max(1) as f64;
        // A rise counts at once, a fall by a third: one fast answer does not make a slow endpoint fast.
        let next = match self.latency.at(now, LATENCY_HALVES) {
            Some(old) if old > fresh => old + (fresh - old) / 3.0,
            _ => fresh,
        };
        self.latency.set(next, now);
    }

    /// A request failed. Enough of them in a row eject the endpoint for a while.
    pub fn failed(&self, now: Duration) {
        self.penalty.set(PENALTY.as_nanos() as f64, now);
        let failures = self.failures.fetch_add(1, Relaxed) + 1;
        // After an ejection the first failure ejects again: the endpoint was on probation.
        if failures >= EJECT_AFTER || self.is_on_probation() {
            let before = self.ejections.fetch_add(1, Relaxed).min(8);
            let time = (FIRST_EJECTION * (1 << before)).min(MAX_EJECTION);
            self.held.store(self.in_flight(), Relaxed);
            self.ejected_until.store(nanos(now + time), Relaxed);
            self.failures.store(0, Relaxed);
        }
    }

    /// Whether the endpoint is ejected at `now`. When its time is over it is on probation: a request or two at a time, until
    /// one succeeds.
    #[must_use]
    pub fn is_ejected(&self, now: Duration) -> bool {
        self.is_on_probation()
            && (nanos(now) < self.ejected_until.load(Relaxed) || self.in_flight() > self.held.load(Relaxed))
    }

    fn is_on_probation(&self) -> bool {
        self.ejections.load(Relaxed) > 0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}
