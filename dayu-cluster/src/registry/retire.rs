//! The end of a kind: once its CustomResourceDefinition is deleted its objects go first, while it is still served to those who
//! must finalise them. As in Kubernetes the API sees to this itself, so that it does without any controller.

use std::time::Duration;

use serde_json::Value;

use super::names;
use crate::store::{CUSTOMRESOURCEDEFINITIONS, DeleteOptions, Object, ResourceRef, Store, StoreError, WeakStore};

/// The finalizer that holds a definition until its objects are gone.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Before what could not be written is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Goes on with what an earlier process did not finish.
pub(crate) fn resume(store: &Store) {
    for definition in store.list(&CUSTOMRESOURCEDEFINITIONS, None).objects {
        retire(store, &definition.meta.name);
    }
}

/// Deletes the objects of a kind whose definition is being deleted, and lets go of the definition with the last of them: at
/// once, unless something holds some of them. Must be called within a Tokio runtime.
pub(crate) fn retire(store: &Store, definition: &str) {
    let Some(resource) = retiring(store, definition) else { return };
    if !matches!(step(store, &resource, definition), Ok(Step::Done)) {
        tokio::spawn(finish(store.downgrade(), resource, definition.to_owned()));
    }
}

/// How far it got.
enum Step {
    Done,
    /// Some objects are held; any event after this version may be the one that lets go of the last.
    Held(u64),
}

async fn finish(store: WeakStore, resource: ResourceRef, definition: String) {
    // Between two looks only the events are held, so that a store that nobody else has is closed.
    loop {
        let Some(present) = store.upgrade() else { return };
        if retiring(&present, &definition).as_ref() != Some(&resource) {
            return;
        }
        let events = match step(&present, &resource, &definition) {
            Ok(Step::Done) => return,
            Ok(Step::Held(version)) => present.watch(&resource, version),
            Err(error) => Err(error),
        };
        drop(present);
        match events {
            // Who fell behind looks again at once.
            Ok(mut events) => drop(events.next().await),
            Err(error) => {
                tracing::debug!(definition, %error, "its objects are not all deleted yet");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn step(store: &Store, resource: &ResourceRef, definition: &str) -> Result<Step, StoreError> {
    let present = store.list(resource, None);
    for object in present.objects.iter().filter(|object| !object.meta.is_terminating()) {
        match store.delete(resource, &object.meta.namespace, &object.meta.name, &DeleteOptions::default()) {
            Err(StoreError::NotFound { .. }) | Ok(_) => {}
            Err(error) => return Err(error),
        }
    }
    if !store.list(resource, None).objects.is_empty() {
        return Ok(Step::Held(present.resource_version));
    }
    let released = store.modify(&CUSTOMRESOURCEDEFINITIONS, "", definition, |definition| {
        if let Some(finalizers) = definition["metadata"]["finalizers"].as_array_mut() {
            finalizers.retain(|finalizer| finalizer != CLEANUP);
        }
    });
    match released {
        Err(StoreError::NotFound { .. }) | Ok(_) => {
            names::reconsider(store, resource.group());
            Ok(Step::Done)
        }
        Err(error) => Err(error),
    }
}

/// Where the objects of a definition are, if it is being deleted and waits for them.
fn retiring(store: &Store, definition: &str) -> Option<ResourceRef> {
    let definition = store.get(&CUSTOMRESOURCEDEFINITIONS, "", definition)?;
    let held = |definition: &Object| definition.meta.finalizers.iter().any(|finalizer| **finalizer == *CLEANUP);
    let definition = Some(definition).filter(|definition| definition.meta.is_terminating() && held(definition))?;
    let value: Value = definition.value().ok()?;
    Some(ResourceRef::new(value["spec"]["group"].as_str()?, value["spec"]["names"]["plural"].as_str()?))
}
