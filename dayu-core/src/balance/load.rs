//! What is measured of one endpoint: requests in flight, latency, failures. Atomics only.
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

/// An estimate decays to a third within this time.
const DECAY: Duration = Duration::from_secs(10);
/// What an endpoint is believed to take before anything was measured.
const UNKNOWN: Duration = Duration::from_millis(1);
/// What a failure counts as, however fast it came: a fast failure must not attract requests.
const FAILURE: Duration = Duration::from_secs(5);
/// So many failures in a row eject an endpoint.
const EJECT_AFTER: u32 = 5;
/// For so long the first time, doubling with each ejection in a row.
const FIRST_EJECTION: Duration = Duration::from_secs(5);
/// Longest ejection.
pub const MAX_EJECTION: Duration = Duration::from_secs(60);

/// Measurements of one endpoint, shared by all who use it. Times are durations since any moment fixed per process.
#[derive(Debug, Default)]
pub struct Load {
    in_flight: AtomicU32,
    served: AtomicU64,
    /// Peak-sensitive average latency in nanoseconds, and when it was taken.
    latency: AtomicU64,
    taken_at: AtomicU64,
    failures: AtomicU32,
    ejections: AtomicU32,
    ejected_until: AtomicU64,
}

/// One request in flight; ends when dropped.
#[derive(Debug)]
pub struct InFlight(Arc<Load>);

impl Load {
    /// Requests in flight.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Requests ever begun, plus the share that a newcomer began with.
    #[must_use]
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// Lets a newcomer begin with the share of its peers.
    pub(crate) fn begin_at(&self, served: u64) {
        self.served.store(served, Ordering::Relaxed);
    }

    /// Begins a request.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.served.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }

    /// The latency estimate at `now`: a peak is remembered and fades.
    #[must_use]
    pub fn latency(&self, now: Duration) -> Duration {
        Duration::from_nanos(self.decayed(now) as u64)
    }

    /// What one more request would cost at `now`: latency times requests in flight, one more included.
    #[must_use]
    pub fn cost(&self, now: Duration) -> f64 {
        self.decayed(now) * f64::from(self.in_flight() + 1)
    }

    fn decayed(&self, now: Duration) -> f64 {
        let latency = self.latency.load(Ordering::Relaxed);
        if latency == 0 {
            return UNKNOWN.as_nanos() as f64;
        }
        let age = nanos(now).saturating_sub(self.taken_at.load(Ordering::Relaxed));
        // 1/(1+x+x²/2) follows e^-x closely enough and costs no call.
        let x = age as f64 / DECAY.as_nanos() as f64;
        latency as f64 / (1.0 + x + x * x / 2.0)
    }

    /// A request was answered after `latency`.
    pub fn succeeded(&self, latency: Duration, now: Duration) {
        self.failures.store(0, Ordering::Relaxed);
        self.ejections.store(0, Ordering::Relaxed);
        self.sample(latency, now);
    }

    /// A request failed. Enough of them in a row eject the endpoint for a while.
    pub fn failed(&self, now: Duration) {
        self.sample(FAILURE, now);
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        // After an ejection the first failure ejects again: the endpoint was on probation.
        if failures >= EJECT_AFTER || self.ejections.load(Ordering::Relaxed) > 0 {
            let before = self.ejections.fetch_add(1, Ordering::Relaxed).min(8);
            let time = (FIRST_EJECTION * (1 << before)).min(MAX_EJECTION);
            self.ejected_until.store(nanos(now + time), Ordering::Relaxed);
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// Whether the endpoint is ejected at `now`.
    #[must_use]
    pub fn is_ejected(&self, now: Duration) -> bool {
        let until = self.ejected_until.load(Ordering::Relaxed);
        until != 0 && nanos(now) < until
    }

    fn sample(&self, latency: Duration, now: Duration) {
        let fresh = latency.as_nanos().max(1) as f64;
        let old = self.decayed(now);
        // A rise counts at once, a fall by a third: one fast answer does not make a slow endpoint fast.
        let next =
            if fresh > old || self.latency.load(Ordering::Relaxed) == 0 { fresh } else { old + (fresh - old) / 3.0 };
        self.latency.store(next as u64, Ordering::Relaxed);
        self.taken_at.store(nanos(now), Ordering::Relaxed);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
