//! When a client first saw what, as a user's program that watches would.
use std::{collections::HashMap, fmt::Debug, time::Duration};

use futures::{StreamExt, TryStreamExt};
use kube::{
    Api, Client, Resource,
    core::NamespaceResourceScope,
    runtime::{WatchStreamExt, watcher},
};
use serde::de::DeserializeOwned;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use crate::{engine::NAMESPACE, failure::Failure};

/// Longest wait for anything: thousands of pods take Kubernetes minutes.
const PATIENCE: Duration = Duration::from_secs(900);

type Seen = HashMap<String, Instant>;

/// What is looked for in the objects of one kind, by name.
pub(super) struct Sightings {
    seen: watch::Receiver<Seen>,
    watching: AbortOnDropHandle<()>,
}

impl Sightings {
    /// Watches; `wanted` gives the name under which an object counts as seen, once it does.
    pub(super) fn of<K>(client: &Client, wanted: fn(&K) -> Option<String>) -> Self
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + 'static,
    {
        let objects = Api::<K>::namespaced(client.clone(), NAMESPACE);
        let mut events = watcher(objects, watcher::Config::default()).default_backoff().applied_objects().boxed();
        let (all, seen) = watch::channel(Seen::new());
        let watching = tokio::spawn(async move {
            loop {
                match events.try_next().await {
                    Ok(Some(object)) => {
                        let now = Instant::now();
                        if let Some(name) = wanted(&object) {
                            all.send_if_modified(|seen| {
                                let before = seen.len();
                                seen.entry(name).or_insert(now);
                                seen.len() > before
                            });
                        }
                    }
                    Ok(None) => return,
                    // Tried again by itself; who waits in vain is told so.
                    Err(_broken) => {}
                }
            }
        });
        Self { seen, watching: AbortOnDropHandle::new(watching) }
    }

    pub(super) fn count(&self) -> usize {
        self.seen.borrow().len()
    }

    /// When all were seen, from the first on.
    pub(super) fn times(&self) -> Vec<Instant> {
        let mut times: Vec<Instant> = self.seen.borrow().values().copied().collect();
        times.sort_unstable();
        times
    }

    /// When the last one was seen.
    pub(super) fn last(&self) -> Option<Instant> {
        self.seen.borrow().values().max().copied()
    }

    /// Waits until so many have been seen.
    pub(super) async fn reaches(&self, count: usize) -> Result<(), Failure> {
        self.until(|seen| seen.len() >= count, &count.to_string()).await
    }

    /// When that one was seen; waits for it.
    pub(super) async fn time_of(&self, name: &str) -> Result<Instant, Failure> {
        self.until(|seen| seen.contains_key(name), name).await?;
        self.seen.borrow().get(name).copied().ok_or_else(|| name.into())
    }

    async fn until(&self, wished: impl Fn(&Seen) -> bool, what: &str) -> Result<(), Failure> {
        let mut seen = self.seen.clone();
        let waited = timeout(PATIENCE, seen.wait_for(wished)).await;
        match waited {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err("the watch ended".into()),
            Err(_) => {
                let (count, ended) = (self.count(), self.watching.is_finished());
                Err(format!("{what} was not seen within {} s; {count} were, watch ended: {ended}", PATIENCE.as_secs())
                    .into())
            }
        }
    }
}
