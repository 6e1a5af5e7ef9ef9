//! Counts what a client asks of the API.
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use http::{Method, Request};
use serde::{Deserialize, Serialize};

/// Requests so far.
#[derive(Clone, Default)]
pub(super) struct Requests(Arc<Counters>);

#[derive(Default)]
struct Counters {
    reads: AtomicU64,
    children: AtomicU64,
    statuses: AtomicU64,
    events: AtomicU64,
    leases: AtomicU64,
}

/// The counts at one moment, or between two.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Counted {
    pub(crate) reads: u64,
    pub(crate) children: u64,
    pub(crate) statuses: u64,
    pub(crate) events: u64,
    pub(crate) leases: u64,
}

impl Requests {
    /// `client`, its requests counted here.
    pub(super) fn of(&self, client: kube::Client) -> kube::Client {
        let (counters, namespace) = (self.0.clone(), client.default_namespace().to_owned());
        let counted = move |request: Request<kube::client::Body>| {
            counters.count(&request);
            let client = client.clone();
            async move { client.send(request).await }
        };
        kube::Client::new(tower::service_fn(counted), namespace)
    }

    pub(super) fn counted(&self) -> Counted {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        let Counters { reads, children, statuses, events, leases } = &*self.0;
        Counted {
            reads: of(reads),
            children: of(children),
            statuses: of(statuses),
            events: of(events),
            leases: of(leases),
        }
    }
}

impl Counted {
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            reads: self.reads - before.reads,
            children: self.children - before.children,
            statuses: self.statuses - before.statuses,
            events: self.events - before.events,
            leases: self.leases - before.leases,
        }
    }

    /// Those that change something, besides the Lease, by which alone it is known that the manager lives.
    pub(crate) fn writes(self) -> u64 {
        self.children + self.statuses + self.events
    }
}

impl Counters {
    fn count<B>(&self, request: &Request<B>) {
        let path = request.uri().path();
        let counter = match request.method() {
            &Method::GET => &self.reads,
            _ if path.contains("/leases/") => &self.leases,
            _ if path.contains("/events") => &self.events,
            _ if path.ends_with("/status") => &self.statuses,
            _ => &self.children,
        };
        counter.fetch_add(1, Relaxed);
    }
}
