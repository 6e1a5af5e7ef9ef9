//! What is counted of one endpoint, and of a request while it is there.
use std::{
    ops::AddAssign,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use dayu_core::{directory::Endpoint, name::ServiceKey};
use serde::Serialize;

use super::answers::{Answers, Distribution};
use crate::relay::{Moved, Witness};

/// A request, or a connection of a listener, that an endpoint was given.
#[derive(Clone, Debug)]
pub(crate) struct Visit(Arc<Row>);

/// All requests of one endpoint.
#[derive(Debug)]
pub(super) struct Row {
    service: ServiceKey,
    endpoint: Endpoint,
    requests: AtomicU64,
    declined: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
    answers: Answers,
}

/// How many requests, or connections of a listener, an endpoint was given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Count {
    /// `namespace/name`.
    pub service: String,
    /// The device it runs on.
    pub device: String,
    /// The pod behind it; its address where there is no pod.
    pub pod: String,
    /// Since the mesh first used it.
    pub requests: u64,
}

/// What went to endpoints and came back, at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) requests: u64,
    /// Answers that say that the endpoint cannot serve.
    pub(crate) declined: u64,
    pub(crate) in_flight: u64,
    pub(crate) moved: Moved,
    pub(crate) answers: Distribution,
}

impl Visit {
    /// The endpoint began to answer; it may have `declined`.
    pub(crate) fn answered(&self, latency: Duration, declined: bool) {
        self.0.answers.note(latency);
        self.0.declined.fetch_add(u64::from(declined), Relaxed);
    }
}

impl Witness for Visit {
    fn moved(&self, moved: Moved) {
        for (counter, bytes) in [(&self.0.up, moved.up), (&self.0.down, moved.down)] {
            if bytes > 0 {
                counter.fetch_add(bytes, Relaxed);
            }
        }
    }
}

impl Row {
    pub(super) fn new(service: ServiceKey, endpoint: Endpoint) -> Self {
        let [requests, declined, up, down] = Default::default();
        Self { service, endpoint, requests, declined, up, down, answers: Answers::default() }
    }

    /// Another request begins.
    pub(super) fn visit(self: &Arc<Self>) -> Visit {
        self.requests.fetch_add(1, Relaxed);
        Visit(Arc::clone(self))
    }

    /// Nobody but the row knows the endpoint any more.
    pub(super) fn is_gone(&self) -> bool {
        Arc::strong_count(&self.endpoint.load) == 1
    }

    pub(super) fn count(&self) -> Count {
        let pod =
            self.endpoint.pod.as_ref().map_or_else(|| self.endpoint.address.to_string(), |pod| pod.name.to_string());
        let (service, device) = self.place();
        Count { service, device, pod, requests: self.requests.load(Relaxed) }
    }

    pub(super) fn place(&self) -> (String, String) {
        (self.service.to_string(), self.endpoint.device.to_string())
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            requests: self.requests.load(Relaxed),
            declined: self.declined.load(Relaxed),
            in_flight: self.endpoint.load.in_flight().into(),
            moved: Moved { up: self.up.load(Relaxed), down: self.down.load(Relaxed) },
            answers: self.answers.now(),
        }
    }
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.declined += other.declined;
        self.in_flight += other.in_flight;
        self.moved += other.moved;
        self.answers += &other.answers;
    }
}
