//! What keeps a global manager from its work: told on its status API, and as events of its Lease.
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use dayu_core::{
    api::NAMESPACE,
    engine::{MANAGER, Observer, Outcome},
    link::MANAGER_LEASE,
};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use parking_lot::Mutex;
use tokio::{sync::mpsc, time::Instant};

use crate::metrics::Metrics;

/// Whatever does not work is tried again within less: what was not told for so long is over.
const LASTING: Duration = Duration::from_secs(90);
/// Troubles that wait to be told.
const WAITING: usize = 64;

/// What does not work at the moment.
#[derive(Debug)]
pub(crate) struct Plight {
    troubles: Mutex<BTreeMap<String, Trouble>>,
    news: mpsc::Sender<String>,
}

#[derive(Debug)]
struct Trouble {
    why: String,
    seen: Instant,
    times: u32,
}

impl Plight {
    /// None yet, and what is worth an event later.
    pub(crate) fn new() -> (Self, mpsc::Receiver<String>) {
        let (news, told) = mpsc::channel(WAITING);
        (Self { troubles: Mutex::default(), news }, told)
    }

    /// `what` did not work. Once is nothing: servers restart, and watches end.
    pub(crate) fn grows(&self, what: &str, why: &str) {
        let (mut troubles, seen) = (self.troubles.lock(), Instant::now());
        let known = troubles.get(what).filter(|known| known.why == why && seen - known.seen < LASTING);
        let times = known.map_or(1, |known| known.times.saturating_add(1));
        if times == 2 {
            // Full: there is enough to read already.
            let _ = self.news.try_send(why.to_owned());
        }
        troubles.insert(what.to_owned(), Trouble { why: why.to_owned(), seen, times });
    }

    /// What does not work, a line each.
    pub(crate) fn words(&self) -> String {
        let (mut troubles, now) = (self.troubles.lock(), Instant::now());
        troubles.retain(|_, trouble| now - trouble.seen < LASTING);
        troubles.iter().map(|(what, trouble)| format!("{what}: {}\n", trouble.why)).collect()
    }
}

/// Writes an event of the Lease for each of the `news`.
pub(crate) async fn tell(client: Client, mut news: mpsc::Receiver<String>) {
    let of = ObjectReference {
        api_version: Some("coordination.k8s.io/v1".to_owned()),
        kind: Some("Lease".to_owned()),
        namespace: Some(NAMESPACE.to_owned()),
        name: Some(MANAGER_LEASE.to_owned()),
        ..ObjectReference::default()
    };
    while let Some(why) = news.recv().await {
        let event = Event {
            type_: EventType::Warning,
            reason: "Hindered".to_owned(),
            note: Some(why.chars().take(1000).collect()),
            action: "Work".to_owned(),
            secondary: None,
        };
        // A new one each time: it would keep the note of an earlier event of that reason.
        let recorder = Recorder::new(client.clone(), Reporter { controller: MANAGER.to_owned(), instance: None });
        if let Err(error) = recorder.publish(&event, &of).await {
            tracing::debug!(%error, "event not written");
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_lasts_is_an_event_once_and_what_is_over_is_not_told_any_more() {
        let (plight, mut news) = Plight::new();
        plight.grows("watch of Pods", "forbidden");
        assert!(news.try_recv().is_err(), "once is nothing");
        for _ in 0..5 {
            plight.grows("watch of Pods", "forbidden");
        }
        assert_eq!((news.try_recv().unwrap(), news.try_recv().is_err()), ("forbidden".to_owned(), true));
        assert_eq!(plight.words(), "watch of Pods: forbidden\n");
        tokio::time::advance(LASTING).await;
        assert_eq!(plight.words(), "");
    }
}
