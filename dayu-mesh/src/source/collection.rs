//! One watched collection: knows what it has told, so that a new list also tells what is gone.
use std::{collections::BTreeSet, sync::Arc, time::Duration};

use dayu_core::{
    api::lean::Lean,
    connect::{WatchBackoff, unwatched},
    directory::{Change, Records, Suspicion},
};
use futures::StreamExt;
use kube::{
    Api,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event},
    },
};
use tokio::sync::{Barrier, mpsc};

use super::kinds::Kind;

/// Before a list that lacks too much is asked for again.
const CONFIRM: Duration = Duration::from_secs(2);

/// Nobody wants changes any more.
struct Unheard;

/// How one watch ended.
enum Ended {
    /// The list has to be confirmed by another one.
    Doubted,
    /// The stream ended, which watches do not.
    Over,
}

pub(super) struct Collection<K: Kind> {
    api: Api<Lean<K>>,
    sink: mpsc::Sender<Change>,
    /// All collections meet here once each has told its first list; none when this one has.
    synced: Option<Arc<Barrier>>,
    known: BTreeSet<K::Key>,
    listed: BTreeSet<K::Key>,
    /// What was made of the list before.
    suspicion: Suspicion,
}

impl<K: Kind> Collection<K> {
    /// One of which `known` is known from an earlier time.
    pub(super) fn new(api: Api<Lean<K>>, known: &Records, sink: mpsc::Sender<Change>, synced: Arc<Barrier>) -> Self {
        let (known, listed) = (K::known(known), BTreeSet::new());
        Self { api, sink, synced: Some(synced), known, listed, suspicion: Suspicion::default() }
    }

    /// Tells changes until nobody listens.
    pub(super) async fn follow(mut self) {
        loop {
            match self.watch().await {
                Ok(Ended::Doubted) => tokio::time::sleep(CONFIRM).await,
                Ok(Ended::Over) => {}
                Err(Unheard) => return,
            }
        }
    }

    async fn watch(&mut self) -> Result<Ended, Unheard> {
        let mut events = kube::runtime::watcher(self.api.clone(), watcher::Config::default())
            .backoff(WatchBackoff::default())
            .boxed();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Apply(object)) => self.apply(&object).await?,
                Ok(Event::Delete(object)) => self.gone(object.key()).await?,
                Ok(Event::Init) => self.listed.clear(),
                Ok(Event::InitApply(object)) => {
                    self.listed.insert(object.key());
                    self.apply(&object).await?;
                }
                Ok(Event::InitDone) => {
                    if self.listed_all().await? == Suspicion::Confirm {
                        return Ok(Ended::Doubted);
                    }
                }
                Err(error) => {
                    let (kind, why) = (K::kind(&()), unwatched::<K>(&error));
                    tracing::warn!(%kind, why, "the watch broke; what is known stays in force");
                    self.tell(Change::Hindered { what: format!("watch of {kind}s"), why }).await?;
                }
            }
        }
        Ok(Ended::Over)
    }

    async fn apply(&mut self, object: &K) -> Result<(), Unheard> {
        self.known.insert(object.key());
        self.tell(object.change()).await
    }

    async fn gone(&mut self, key: K::Key) -> Result<(), Unheard> {
        if self.known.remove(&key) { self.tell(K::gone(key)).await } else { Ok(()) }
    }

    /// What a complete list lacks is gone, unless it lacks so much that the list itself is in doubt.
    async fn listed_all(&mut self) -> Result<Suspicion, Unheard> {
        let listed = std::mem::take(&mut self.listed);
        let missing: Vec<K::Key> = self.known.difference(&listed).cloned().collect();
        self.suspicion = self.suspicion.next(self.known.len(), missing.len());
        if self.suspicion == Suspicion::Confirm {
            tracing::warn!(kind = %K::kind(&()), missing = missing.len(), "a list lacks most of what is known; asking again");
            return Ok(self.suspicion);
        }
        for key in missing {
            self.gone(key).await?;
        }
        if let Some(synced) = self.synced.take()
            && synced.wait().await.is_leader()
        {
            self.tell(Change::Synced).await?;
        }
        Ok(self.suspicion)
    }

    async fn tell(&self, change: Change) -> Result<(), Unheard> {
        self.sink.send(change).await.map_err(|_| Unheard)
    }
}

#[cfg(test)]
mod tests;
