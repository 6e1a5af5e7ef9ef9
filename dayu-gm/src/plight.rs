//! What keeps a global manager from its work: told on its status API, and as events of its Lease.
use std::{sync::Arc, time::Duration};

use dayu_core::{
    daemon::{News, Plight},
    engine::{MANAGER, Observer, Outcome},
};
use kube::{Client, runtime::events::Reporter};

use crate::{lease, metrics::Metrics};

/// Writes an event of the Lease for each of the `news`.
pub(crate) async fn tell(client: Client, news: News) {
    news.tell(client, Reporter { controller: MANAGER.to_owned(), instance: None }, lease::reference()).await;
}

/// Tells numbers and troubles alike.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) plight: Arc<Plight>,
}

impl Observer for Watched {
    fn looked(&self, kind: &str, took: Duration, outcome: Outcome<'_>) {
        self.metrics.looked(kind, took, outcome);
    }

    fn queued(&self, kind: &str, ready: usize, paused: usize) {
        self.metrics.queued(kind, ready, paused);
    }

    fn echoed(&self, kind: &str, lag: Duration) {
        self.metrics.echoed(kind, lag);
    }

    fn watch_broke(&self, kind: &str, why: &str) {
        self.metrics.watch_broke(kind, why);
        self.plight.grows(&format!("watch of {kind}s"), why);
    }
}
