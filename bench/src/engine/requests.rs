//! Counts what a client asks of the API.
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use http::{Method, Request};
use tower::ServiceExt;

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
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    pub(super) reads: u64,
    pub(super) children: u64,
    pub(super) statuses: u64,
    pub(super) events: u64,
    pub(super) leases: u64,
}

impl Requests {
    /// A client of `cluster` whose requests are counted here.
    pub(super) fn client(&self, cluster: &dayu_cluster::Cluster) -> kube::Client {
        let counters = self.0.clone();
        let service = cluster.service().map_request(move |request: Request<kube::client::Body>| {
            counters.count(&request);
            request
        });
        kube::Client::new(service, "default")
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
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            reads: self.reads - before.reads,
            children: self.children - before.children,
            statuses: self.statuses - before.statuses,
            events: self.events - before.events,
            leases: self.leases - before.leases,
        }
    }

    /// In words, for each of `count` resources.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub(super) fn told(self, count: usize) -> String {
        let each = |requests: u64| requests as f64 / count.max(1) as f64;
        let Self { reads, children, statuses, events, leases } = self;
        format!(
            "requests each: {:.2} children written, {:.2} statuses, {:.2} events, {:.2} reads; {leases} writes of the Lease",
            each(children),
            each(statuses),
            each(events),
            each(reads),
        )
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
