//! What passes, per (service, device, pod), and refusals per reason. Counting takes no lock.
mod answers;
mod visit;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use dayu_core::{directory::Endpoint, name::ServiceKey};

pub use visit::Count;
use visit::Row;
pub(crate) use visit::{Traffic, Visit};

/// Endpoints that are counted; beyond it those that are gone are forgotten.
const ROWS: usize = 4096;
/// Every reason that a refusal can have.
const REASONS: [&str; 17] = [
    "NoSuchService",
    "NoSuchPort",
    "NoSuchDevice",
    "NoEndpoint",
    "NoEndpointOnDevice",
    "NotReady",
    "RouteNotApplied",
    "Unreachable",
    "BadTarget",
    "NotAMeshName",
    "EndpointBroke",
    "EndpointLate",
    "ClientLate",
    "ClientBroke",
    "ListenerFull",
    "MeshFull",
    "NoFiles",
];

/// What becomes of a query for a name.
const NAMES: [&str; 4] = ["told", "unknown", "forwarded", "failed"];

/// The counters of one mesh.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    /// By the address of the endpoint's measurements, which no other endpoint can have while the row holds them.
    rows: ArcSwap<HashMap<usize, Arc<Row>>>,
    refused: [AtomicU64; REASONS.len()],
    names: [AtomicU64; NAMES.len()],
}

impl Stats {
    /// Counts a request of `service` that `endpoint` was given, and whatever is told of it.
    pub(crate) fn landed(&self, service: &ServiceKey, endpoint: &Endpoint) -> Visit {
        let key = Arc::as_ptr(&endpoint.load) as usize;
        match self.rows.load().get(&key) {
            Some(row) => row.visit(),
            None => self.insert(key, service, endpoint).visit(),
        }
    }

    /// Counts a refusal.
    pub(crate) fn refused(&self, reason: &str) {
        if let Some(at) = REASONS.iter().position(|known| *known == reason) {
            self.refused[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a query for a name by what became of it.
    pub(crate) fn asked(&self, outcome: &str) {
        if let Some(at) = NAMES.iter().position(|known| *known == outcome) {
            self.names[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Queries for names by what became of them.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.iter().zip(&self.names).map(|(outcome, count)| (*outcome, count.load(Ordering::Relaxed)))
    }

    /// All counts, sorted.
    pub(crate) fn counts(&self) -> Vec<Count> {
        let mut counts: Vec<Count> = self.rows.load().values().map(|row| row.count()).collect();
        counts.sort();
        counts
    }

    /// What went to each device's endpoints of each Service.
    pub(crate) fn traffic(&self) -> BTreeMap<(String, String), Traffic> {
        let mut traffic = BTreeMap::<_, Traffic>::new();
        for row in self.rows.load().values() {
            *traffic.entry(row.place()).or_default() += row.traffic();
        }
        traffic
    }

    /// Refusals by reason, without those that never were.
    pub(crate) fn refusals(&self) -> BTreeMap<&'static str, u64> {
        let counted = REASONS.iter().zip(&self.refused).map(|(reason, count)| (*reason, count.load(Ordering::Relaxed)));
        counted.filter(|(_, count)| *count > 0).collect()
    }

    /// The first request of an endpoint makes its row, whoever else does so at the same time.
    fn insert(&self, key: usize, service: &ServiceKey, endpoint: &Endpoint) -> Arc<Row> {
        let fresh = Arc::new(Row::new(service.clone(), endpoint.clone()));
        self.rows.rcu(|rows| {
            let mut rows = HashMap::clone(rows);
            if rows.len() >= ROWS {
                rows.retain(|_, row| !row.is_gone());
            }
            rows.entry(key).or_insert_with(|| Arc::clone(&fresh));
            rows
        });
        self.rows.load().get(&key).map_or(fresh, Arc::clone)
    }
}
