//! How many RuntimeServices are Ready, as the plane stores them.
use std::{
    collections::HashSet,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use dayu_cluster::store::{ResourceRef, Store};
use dayu_core::api::condition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::Deserialize;
use tokio::time::{Instant, interval};

use crate::{failure::Failure, follow::Follower};

/// Between two words of progress.
const WORD: Duration = Duration::from_secs(5);

/// Counts those that have been Ready.
pub(super) struct Seen {
    store: Store,
    ready: AtomicUsize,
}

/// Since when they are created, until so many of them are Ready.
pub(super) struct Taken {
    pub(super) first: Duration,
    pub(super) half: Duration,
    pub(super) all: Duration,
}

#[derive(Deserialize)]
struct Service {
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    conditions: Vec<Condition>,
}

impl Seen {
    pub(super) fn follow(store: &Store) -> Self {
        Self { store: store.clone(), ready: AtomicUsize::new(0) }
    }

    pub(super) fn ready(&self) -> usize {
        self.ready.load(Relaxed)
    }

    /// Returns once so many have been Ready, and tells meanwhile how it goes since it `began`.
    pub(super) async fn until(&self, count: usize, began: Instant) -> Result<Taken, Failure> {
        let words = async {
            let mut word = interval(WORD);
            word.tick().await;
            loop {
                word.tick().await;
                println!("after {:>4.0} s {:>8} of {count} are Ready", began.elapsed().as_secs_f64(), self.ready());
            }
        };
        tokio::select! {
            counted = self.count(count, began) => counted,
            never = words => never,
        }
    }

    async fn count(&self, count: usize, began: Instant) -> Result<Taken, Failure> {
        let (mut first, mut half) = (None, None);
        let mut services = Follower::new(&self.store, ResourceRef::new("sedna.io", "runtimeservices"));
        let mut ready = HashSet::new();
        while ready.len() < count {
            for service in services.next().await {
                let seen: Service = service.parse()?;
                if condition::holds(&seen.status.conditions, condition::READY) {
                    ready.insert(service.meta.name.clone());
                }
            }
            self.ready.store(ready.len(), Relaxed);
            let now = began.elapsed();
            let reached = |wanted: usize, at: &mut Option<Duration>| {
                if ready.len() >= wanted {
                    at.get_or_insert(now);
                }
            };
            reached(1, &mut first);
            reached(count.div_ceil(2), &mut half);
        }
        let all = began.elapsed();
        Ok(Taken { first: first.unwrap_or(all), half: half.unwrap_or(all), all })
    }
}
