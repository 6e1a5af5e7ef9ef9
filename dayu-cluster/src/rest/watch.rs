//! Watches: a stream of JSON lines.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures::{Stream, stream};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use tower::BoxError;

use super::error::ApiError;
use super::list::{check_fields, latest, matches};
use super::query::ListOptions;
use super::shape::Shaper;
use crate::registry::Kind;
use crate::store::{Change, Event, Object, Store, StoreError, Watch};

/// As often as Kubernetes does: a client that sees nothing else still learns how far it is.
const BOOKMARKS: Duration = Duration::from_secs(60);

pub(crate) struct Feed {
    store: Store,
    kind: Arc<Kind>,
    namespace: Option<String>,
    options: ListOptions,
    shaper: Shaper,
    initial: VecDeque<Arc<Object>>,
    /// Tell where the initial objects end.
    initial_end: bool,
    /// A failed start is told on the stream: the request itself was in order.
    watch: Result<Watch, StoreError>,
    deadline: Instant,
    next_bookmark: Instant,
    over: bool,
}

impl Feed {
    pub(crate) fn open(
        store: &Store,
        kind: Arc<Kind>,
        namespace: Option<String>,
        options: ListOptions,
        shaper: Shaper,
    ) -> Result<Self, ApiError> {
        options.check_watch()?;
        check_fields(&kind, &options)?;
        let sends_initial = options.initial_events.unwrap_or(matches!(options.version, None | Some(0)));
        let mut initial = VecDeque::new();
        let mut after = options.version.unwrap_or(0);
        if sends_initial {
            let snapshot = latest(store, &kind, namespace.as_deref(), &options);
            after = snapshot.resource_version;
            initial.extend(snapshot.objects.into_iter().filter(|object| matches(&options, object)));
        } else if after == 0 {
            after = store.version();
        }
        let watch = store.watch(&kind.resource, after);
        let timeout = options.timeout.unwrap_or_else(|| 1800 + store.environment().random() % 1800);
        let now = Instant::now();
        Ok(Self {
            initial_end: sends_initial && options.initial_events == Some(true) && options.bookmarks,
            store: store.clone(),
            kind,
            namespace,
            options,
            shaper,
            initial,
            watch,
            deadline: now + Duration::from_secs(timeout.min(24 * 3600)),
            next_bookmark: now + BOOKMARKS,
            over: false,
        })
    }

    pub(crate) fn stream(self) -> impl Stream<Item = Result<Bytes, BoxError>> + Send {
        stream::unfold(self, |mut feed| async move { feed.next().await.map(|chunk| (Ok(chunk), feed)) })
    }

    /// The next lines; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        const BATCH: usize = 256;
        if self.over {
            return None;
        }
        if !self.initial.is_empty() {
            let batch: Vec<_> = self.initial.drain(..self.initial.len().min(BATCH)).collect();
            return Some(lines(batch.iter().map(|object| ("ADDED", self.shaper.event(&self.kind, object)))));
        }
        if std::mem::take(&mut self.initial_end) {
            return Some(self.bookmark(true));
        }
        loop {
            let watch = match &mut self.watch {
                Ok(watch) => watch,
                Err(error) => {
                    let gone = ApiError::expired(error.to_string());
                    self.over = true;
                    return Some(lines([("ERROR", gone.status().to_string().into())]));
                }
            };
            tokio::select! {
                biased;
                events = watch.next() => match events {
                    Ok(events) => {
                        let chunk = self.encode(&events);
                        if !chunk.is_empty() {
                            return Some(chunk);
                        }
                    }
                    Err(error) => self.watch = Err(error),
                },
                () = sleep_until(self.deadline) => {
                    self.over = true;
                    return self.options.bookmarks.then(|| self.bookmark(false));
                }
                () = sleep_until(self.next_bookmark), if self.options.bookmarks => {
                    self.next_bookmark += BOOKMARKS;
                    return Some(self.bookmark(false));
                }
            }
        }
    }

    fn encode(&mut self, events: &[Arc<Event>]) -> Bytes {
        let mut told = Vec::new();
        for event in events {
            told.extend(self.translate(event));
        }
        lines(told)
    }

    /// What this watcher sees of an event: an object that no longer matches is gone for it.
    fn translate(&mut self, event: &Event) -> Option<(&'static str, Bytes)> {
        if self.namespace.as_ref().is_some_and(|namespace| **namespace != *event.object.meta.namespace) {
            return None;
        }
        let is = event.change != Change::Deleted && matches(&self.options, &event.object);
        let previous = event.previous.as_deref().filter(|previous| matches(&self.options, previous));
        match (previous, is) {
            (None, false) => None,
            (None, true) => Some(("ADDED", self.shaper.event(&self.kind, &event.object))),
            (Some(_), true) => Some(("MODIFIED", self.shaper.event(&self.kind, &event.object))),
            (Some(_), false) if event.change == Change::Deleted => {
                Some(("DELETED", self.shaper.event(&self.kind, &event.object)))
            }
            (Some(previous), false) => {
                let last = at_version(previous, event.resource_version)?;
                Some(("DELETED", self.shaper.event(&self.kind, &last)))
            }
        }
    }

    /// Everything up to the version in it was told.
    fn bookmark(&self, ends_initial: bool) -> Bytes {
        // Read before asking whether all was told: what comes later has a higher version.
        let latest = self.store.version();
        let version = match &self.watch {
            Ok(watch) if watch.is_quiet() && !ends_initial => latest.max(watch.resource_version()),
            Ok(watch) => watch.resource_version(),
            Err(_) => 0,
        };
        let mut metadata = json!({ "resourceVersion": version.to_string() });
        if ends_initial {
            metadata["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        lines([("BOOKMARK", self.shaper.bookmark(&self.kind, &metadata))])
    }
}

fn at_version(object: &Object, version: u64) -> Option<Object> {
    let mut value: Value = object.value().ok()?;
    value["metadata"]["resourceVersion"] = version.to_string().into();
    Object::from_json(Bytes::from(value.to_string())).ok()
}

fn lines(events: impl IntoIterator<Item = (&'static str, Bytes)>) -> Bytes {
    let mut chunk = BytesMut::new();
    for (change, object) in events {
        chunk.reserve(object.len() + 40);
        chunk.put(&br#"{"type":""#[..]);
        chunk.put(change.as_bytes());
        chunk.put(&br#"","object":"#[..]);
        chunk.put(object);
        chunk.put(&b"}\n"[..]);
    }
    chunk.freeze()
}
