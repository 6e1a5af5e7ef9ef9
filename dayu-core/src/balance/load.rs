//! What is measured of one endpoint: requests in flight, latency, failures. Atomics only.
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{
    ejection::Ejection,
    latency::{Latency, nanos},
};

/// Microseconds that an endpoint is believed to take before anything was measured of it or its peers.
const UNKNOWN: u64 = 1_000;
/// Microseconds that a failure adds to the latency, however fast it came: a fast failure must not attract requests.
const PENALTY: u64 = 5_000_000;
/// Nanoseconds in which the penalty halves, so that after ten of it a healed endpoint is an endpoint like others.
const PENALTY_HALVES: u64 = 700_000_000;

/// Measurements of one endpoint, shared by all who use it. Times are durations since any moment fixed per process.
#[derive(Debug, Default)]
#[repr(align(64))] // One cache line an endpoint: a pick reads two of them and no neighbour's writes disturb it.
pub struct Load {
    in_flight: AtomicU32,
    served: AtomicU64,
    latency: Latency,
    /// Nanoseconds; 0 before the first failure.
    failed_at: AtomicU64,
    ejection: Ejection,
}

/// One request in flight; ends when dropped.
#[derive(Debug)]
#[must_use = "the request ends when this is dropped"]
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
    pub fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Relaxed);
        self.served.fetch_add(1, Relaxed);
        InFlight(self.clone())
    }

    /// The latency estimate as of the newest answer, with what is left at `now` of the penalty for failures: a peak-EWMA, which
    /// takes over at once what two slow answers in a row show, and is forgotten while faster ones come or none.
    #[must_use]
    pub fn latency(&self, now: Duration) -> Duration {
        Duration::from_micros(self.expected(nanos(now)))
    }

    /// What one more request would cost at `now`: microseconds of latency, as far as it is still believed, times requests in
    /// flight, one more included.
    #[must_use]
    pub fn cost(&self, now: Duration) -> f64 {
        self.believed(nanos(now)) as f64 * f64::from(self.in_flight().saturating_add(1))
    }

    /// Microseconds that a request was expected to take when the newest answer came; with the penalty that is left at `now`, in
    /// nanoseconds.
    pub(super) fn expected(&self, now: u64) -> u64 {
        let micros = if self.is_measured() { self.latency.estimate().into() } else { UNKNOWN };
        micros + self.penalty(now)
    }

    /// As much of it as is still believed.
    pub(super) fn believed(&self, now: u64) -> u64 {
        match self.is_measured() {
            true => u64::from(self.latency.faded(now, self.in_flight() > 0)) + self.penalty(now),
            false => self.expected(now),
        }
    }

    /// Whether what it is expected to take at `now`, in nanoseconds, can be held against that of `other`: both were measured,
    /// or it fails.
    pub(super) fn is_known_beside(&self, other: &Self, now: u64) -> bool {
        self.is_measured() && other.is_measured() || self.penalty(now) > 0
    }

    fn is_measured(&self) -> bool {
        self.latency.estimate() > 0
    }

    /// A request was answered after `latency`: from its last byte to the first of the answer, so that neither a long body nor
    /// a slow client looks like a slow endpoint.
    pub fn succeeded(&self, latency: Duration, now: Duration) {
        self.latency.measured(latency, now);
        self.reached();
    }

    /// The endpoint works; how fast is not known.
    pub fn reached(&self) {
        self.ejection.end();
    }

    /// A request failed. Enough of them in a row eject the endpoint for a while.
    pub fn failed(&self, now: Duration) {
        self.failed_at.store(nanos(now).max(1), Relaxed);
        self.ejection.failed(self.in_flight(), now);
    }

    /// Whether the endpoint is ejected at `now`. When its time is over it is on probation: a request or two at a time, until
    /// one succeeds.
    #[must_use]
    pub fn is_ejected(&self, now: Duration) -> bool {
        self.is_ejected_at(nanos(now))
    }

    pub(super) fn is_ejected_at(&self, now: u64) -> bool {
        self.ejection.holds(self.in_flight(), now)
    }

    /// Microseconds left at `now` of the penalty for the newest failure.
    fn penalty(&self, now: u64) -> u64 {
        match self.failed_at.load(Relaxed) {
            0 => 0,
            at => PENALTY.checked_shr((now.saturating_sub(at) / PENALTY_HALVES) as u32).unwrap_or(0),
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// What a pick reads of an endpoint is one cache line.
const _: () = assert!(size_of::<Load>() == 64);
