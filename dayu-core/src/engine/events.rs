//! Events: one for each turn that a resource takes for the worse or the better, never one for each look at it. A resource
//! that nothing was ever wrong with needs none: its status says so.
use kube::{
    Client, Resource,
    runtime::events::{Event, EventType, Recorder, Reporter},
};

use super::MANAGER;
use crate::{api::condition::bounded, template::Failure};

/// The longest note the API server takes, in bytes. The condition that says the same has room for more.
const NOTE_LIMIT: usize = 1024;
/// Why a resource stays that is deleted: what its finalizer stands for is not undone.
pub(super) const CLEANUP_FAILED: &str = "CleanupFailed";

/// What was said last about a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said(Option<Box<(bool, String, String)>>);

/// Publishes events of one engine.
#[derive(Clone)]
pub(super) struct Announcer(Client);

impl Announcer {
    pub(super) fn new(client: Client) -> Self {
        Self(client)
    }

    /// Says `failure`, or that it is over, if that is news.
    pub(super) async fn say<K: Resource<DynamicType = ()>>(
        &self,
        resource: &K,
        failure: Option<&Failure>,
        said: &mut Said,
    ) {
        let next = match failure {
            Some(Failure::Rejected(rejection)) => (true, rejection.reason.to_owned(), rejection.to_string()),
            Some(Failure::Refused { child, message }) => {
                (true, "ReconcileFailed".to_owned(), format!("{child}: {message}"))
            }
            None => (false, "Reconciled".to_owned(), "children are as planned".to_owned()),
        };
        self.say_once(resource, next, said).await;
    }

    /// Says what could not be undone, if that is news.
    pub(super) async fn cleanup_failed<K: Resource<DynamicType = ()>>(
        &self,
        resource: &K,
        note: &str,
        said: &mut Said,
    ) {
        self.say_once(resource, (true, CLEANUP_FAILED.to_owned(), note.to_owned()), said).await;
    }

    async fn say_once<K: Resource<DynamicType = ()>>(
        &self,
        resource: &K,
        next: (bool, String, String),
        said: &mut Said,
    ) {
        let (trouble, reason, note) = next.clone();
        if said.0.as_deref() == Some(&next) || (said.0.is_none() && !trouble) {
            return;
        }
        if self.publish(resource, trouble, reason, note).await {
            said.0 = Some(Box::new(next));
        }
    }

    /// Says something that happened to `resource`.
    pub(super) async fn warn<K: Resource<DynamicType = ()>>(&self, resource: &K, reason: &str, note: &str) {
        self.publish(resource, true, reason.to_owned(), note.to_owned()).await;
    }

    /// Whether it could be: an event that cannot be written must not keep the work from being done.
    async fn publish<K: Resource<DynamicType = ()>>(
        &self,
        resource: &K,
        trouble: bool,
        reason: String,
        note: String,
    ) -> bool {
        let event = Event {
            type_: if trouble { EventType::Warning } else { EventType::Normal },
            reason,
            note: Some(bounded(note, NOTE_LIMIT)),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        let published = recorder(&self.0).publish(&event, &resource.object_ref(&())).await;
        published.inspect_err(|error| tracing::debug!(%error, "event not written")).is_ok()
    }
}

/// One that has published nothing yet: it would take an event with another note for a repeated one and keep the old note.
fn recorder(client: &Client) -> Recorder {
    Recorder::new(client.clone(), Reporter { controller: MANAGER.to_owned(), instance: None })
}
