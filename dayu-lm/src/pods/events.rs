//! Events about pods, for people. A repeated one is counted, not written again; under a flood the oldest news wait and the
//! newest are dropped, never a worker.
use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{Event, EventSource, ObjectReference, Pod},
    apimachinery::pkg::apis::meta::v1::Time,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tokio::sync::mpsc;

use crate::clock::Clock;

/// Events that wait to be written.
const WAITING: usize = 256;
/// Kinds of events that are remembered to be counted.
const REMEMBERED: usize = 1024;

struct Note {
    pod: Arc<Pod>,
    warning: bool,
    reason: String,
    message: String,
    at: Timestamp,
}

/// Takes events; clones share it.
#[derive(Clone)]
pub(crate) struct Recorder {
    notes: mpsc::Sender<Note>,
    clock: Clock,
}

impl Recorder {
    /// Writes events as coming from `host` until all clones are gone.
    pub(crate) fn start(client: Client, host: String, clock: Clock) -> Self {
        let (notes, incoming) = mpsc::channel(WAITING);
        tokio::spawn(write(client, host, incoming));
        Self { notes, clock }
    }

    pub(crate) fn normal(&self, pod: &Arc<Pod>, reason: &str, message: impl Into<String>) {
        self.note(pod, false, reason, message.into());
    }

    pub(crate) fn warning(&self, pod: &Arc<Pod>, reason: &str, message: impl Into<String>) {
        self.note(pod, true, reason, message.into());
    }

    fn note(&self, pod: &Arc<Pod>, warning: bool, reason: &str, message: String) {
        let at = self.clock.now();
        let note = Note { pod: pod.clone(), warning, reason: reason.to_owned(), message, at };
        if let Err(error) = self.notes.try_send(note) {
            tracing::debug!(%error, "an event is dropped");
        }
    }
}

async fn write(client: Client, host: String, mut notes: mpsc::Receiver<Note>) {
    let mut known: HashMap<(String, String, String), (String, i32)> = HashMap::new();
    while let Some(note) = notes.recv().await {
        let key = (note.pod.uid().unwrap_or_default(), note.reason.clone(), note.message.clone());
        let events: Api<Event> = Api::namespaced(client.clone(), &note.pod.namespace().unwrap_or_default());
        let counted = match known.get_mut(&key) {
            Some((name, count)) => {
                *count += 1;
                count_again(&events, name, *count, note.at).await
            }
            None => Ok(false),
        };
        let written = match counted {
            Ok(false) => {
                let event = event(&note, &host, known.len());
                if known.len() >= REMEMBERED {
                    known.clear();
                }
                known.insert(key, (event.name_any(), 1));
                events.create(&PostParams::default(), &event).await.map(drop)
            }
            counted => counted.map(drop),
        };
        if let Err(error) = written {
            tracing::debug!(%error, reason = note.reason, "an event cannot be written");
        }
    }
}

/// Whether the event is still there to be counted: an hour after it was told last it is forgotten.
async fn count_again(events: &Api<Event>, name: &str, count: i32, at: Timestamp) -> kube::Result<bool> {
    let again = Patch::Merge(json!({"count": count, "lastTimestamp": Time(at)}));
    match events.patch(name, &PatchParams::default(), &again).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        patched => patched.map(|_| true),
    }
}

fn event(note: &Note, host: &str, number: usize) -> Event {
    let pod = &note.pod;
    let name = format!("{}.{:x}{number:x}", pod.name_any(), note.at.as_nanosecond());
    Event {
        metadata: ObjectMeta { name: Some(name), namespace: pod.namespace(), ..ObjectMeta::default() },
        involved_object: ObjectReference { field_path: None, ..pod.object_ref(&()) },
        reason: Some(note.reason.clone()),
        message: Some(note.message.chars().take(1000).collect()),
        type_: Some(if note.warning { "Warning" } else { "Normal" }.to_owned()),
        source: Some(EventSource { component: Some("dayu-lm".to_owned()), host: Some(host.to_owned()) }),
        reporting_component: Some("dayu-lm".to_owned()),
        reporting_instance: Some(host.to_owned()),
        first_timestamp: Some(Time(note.at)),
        last_timestamp: Some(Time(note.at)),
        count: Some(1),
        ..Event::default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use dayu_cluster::Cluster;
    use kube::api::{DeleteParams, ListParams};
    use tokio::time::{sleep, timeout};

    use super::*;

    #[tokio::test]
    async fn what_happens_again_is_counted_and_told_anew_once_it_is_forgotten() {
        let cluster = Cluster::builder().build().await.unwrap();
        let events = Api::<Event>::default_namespaced(cluster.client());
        let recorder = Recorder::start(cluster.client(), "edge1".to_owned(), Clock::start());
        let pod = json!({"metadata": {"name": "det", "namespace": "default", "uid": "u"}});
        let pod = Arc::new(serde_json::from_value::<Pod>(pod).unwrap());
        let told = async |count: i32| {
            recorder.warning(&pod, "BackOff", "it ends again and again");
            let counted = async {
                loop {
                    let all = events.list(&ListParams::default()).await.unwrap();
                    match &*all.items {
                        [one] if one.count == Some(count) => return one.name_any(),
                        _ => sleep(Duration::from_millis(5)).await,
                    }
                }
            };
            timeout(Duration::from_secs(60), counted).await.expect("it is told")
        };
        let name = told(1).await;
        assert_eq!(told(2).await, name);
        events.delete(&name, &DeleteParams::default()).await.unwrap();
        assert_ne!(told(1).await, name);
    }
}
