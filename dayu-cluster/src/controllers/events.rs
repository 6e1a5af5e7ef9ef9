//! Events are told for an hour, and never so many that they crowd out what matters.
use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    feed::{Delta, Feed},
    key::Key,
    timers::Timers,
};
use crate::store::{Change, DeleteOptions, EVENTS, Object, Preconditions, Store, StoreError};

/// As long as Kubernetes keeps an event after it was last written.
const KEPT: Duration = Duration::from_secs(3600);
/// Beyond so many the oldest go first. Kubernetes has no such bound, but a disk of its own.
const MOST: usize = 4096;

struct Keeper {
    store: Store,
    most: usize,
    /// When each is to go.
    ends: Timers<Key>,
    /// The state of each that is to go then.
    versions: HashMap<Key, u64>,
}

/// When an event was told last, as far as it says so.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Told {
    metadata: Metadata,
    last_timestamp: Option<Box<str>>,
    event_time: Option<Box<str>>,
    series: Option<Series>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    creation_timestamp: Option<Box<str>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Series {
    last_observed_time: Option<Box<str>>,
}

/// Follows events until dropped.
pub(super) async fn run(store: Store) {
    keep(store, MOST).await;
}

async fn keep(store: Store, most: usize) {
    let mut feed = Feed::new(&store, EVENTS);
    let mut keeper = Keeper { store, most, ends: Timers::default(), versions: HashMap::new() };
    // Those from before have had a part of their hour.
    for delta in feed.next().await {
        let left = keeper.left(&delta.object);
        keeper.take(delta, left);
    }
    loop {
        keeper.bound();
        tokio::select! {
            deltas = feed.next() => deltas.into_iter().for_each(|delta| keeper.take(delta, KEPT)),
            due = keeper.ends.due() => due.iter().for_each(|key| keeper.remove(key)),
        }
    }
}

impl Keeper {
    fn take(&mut self, Delta { change, object, .. }: Delta, left: Duration) {
        let key = Key::of(&object);
        if change == Change::Deleted {
            self.ends.cancel(&key);
            self.versions.remove(&key);
            return;
        }
        self.versions.insert(key.clone(), object.meta.resource_version);
        self.ends.set(key, left);
    }

    fn left(&self, object: &Object) -> Duration {
        let told: Told = object.parse().unwrap_or_default();
        let series = told.series.unwrap_or_default();
        let times = [told.metadata.creation_timestamp, told.last_timestamp, told.event_time, series.last_observed_time];
        let last = times.into_iter().flatten().filter_map(|time| time.parse::<Timestamp>().ok()).max();
        let age = self.store.environment().now().duration_since(last.unwrap_or_default());
        KEPT.saturating_sub(Duration::try_from(age).unwrap_or_default())
    }

    fn bound(&mut self) {
        while self.ends.len() > self.most {
            let Some(oldest) = self.ends.pop() else { return };
            self.remove(&oldest);
        }
    }

    /// Removes an event that was not told again meanwhile.
    fn remove(&mut self, key: &Key) {
        let Some(version) = self.versions.remove(key) else { return };
        let preconditions = Preconditions { uid: None, resource_version: Some(version.to_string()) };
        let options = DeleteOptions { preconditions: Some(preconditions), ..DeleteOptions::default() };
        match self.store.delete(&EVENTS, key.namespace(), key.name(), &options) {
            Ok(_) | Err(StoreError::NotFound { .. } | StoreError::Precondition { .. }) => {}
            Err(error) => tracing::warn!(event = key.name(), %error, "an old event stays"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::{System, store::Window};

    fn store() -> Store {
        Store::in_memory(Arc::new(System), Window::default())
    }

    fn tell(store: &Store, name: &str, told: &str) {
        let metadata = json!({"name": name, "namespace": "default", "creationTimestamp": told});
        store.create(&EVENTS, json!({"apiVersion": "v1", "kind": "Event", "metadata": metadata})).unwrap();
    }

    fn names(store: &Store) -> Vec<String> {
        store.list(&EVENTS, None).objects.iter().map(|event| event.meta.name.as_ref().into()).collect()
    }

    async fn minutes(minutes: u64) {
        tokio::time::sleep(Duration::from_secs(60 * minutes)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_goes_an_hour_after_it_was_told_last() {
        let store = store();
        let ago = store.environment().now() - Duration::from_secs(50 * 60);
        tell(&store, "from-before", &ago.to_string());
        tell(&store, "from-long-before", "2020-01-01T00:00:00Z");
        let keeper = tokio::spawn(run(store.clone()));
        minutes(1).await;
        assert_eq!(names(&store), ["from-before"]);
        tell(&store, "once", "2020-01-01T00:00:00Z");
        tell(&store, "twice", "2020-01-01T00:00:00Z");
        minutes(30).await;
        assert_eq!(names(&store), ["once", "twice"]);
        store.modify(&EVENTS, "default", "twice", |event| event["count"] = 2.into()).unwrap();
        minutes(31).await;
        assert_eq!(names(&store), ["twice"]);
        minutes(30).await;
        assert!(names(&store).is_empty());
        keeper.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_make_room() {
        let store = store();
        let keeper = tokio::spawn(keep(store.clone(), 2));
        for name in ["a", "b", "c"] {
            tell(&store, name, "2020-01-01T00:00:00Z");
            minutes(1).await;
        }
        assert_eq!(names(&store), ["b", "c"]);
        keeper.abort();
    }
}
