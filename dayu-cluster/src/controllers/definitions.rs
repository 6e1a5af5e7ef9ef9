//! CustomResourceDefinitions that are deleted: their objects go first, while the kind is still served to those who must
//! finalise them.
use std::collections::BTreeSet;

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use serde_json::Value;

use super::feed::{Delta, Feed};
use crate::store::{CUSTOMRESOURCEDEFINITIONS, Change, DeleteOptions, Object, ResourceRef, Store};

/// Holds a definition until its objects are gone, as in Kubernetes.
const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Follows definitions until dropped.
pub(super) async fn run(store: Store) {
    let mut definitions = Feed::new(&store, CUSTOMRESOURCEDEFINITIONS);
    let mut emptying: FuturesUnordered<BoxFuture<'static, Box<str>>> = FuturesUnordered::new();
    let mut begun = BTreeSet::new();
    loop {
        tokio::select! {
            deltas = definitions.next() => for Delta { change, object, .. } in deltas {
                if change == Change::Deleted {
                    begun.remove(&object.meta.uid);
                } else if !object.meta.is_terminating() {
                    hold(&store, &object);
                } else if begun.insert(object.meta.uid.clone()) {
                    emptying.extend(collection(&object).map(|resource| empty(store.clone(), resource, object.meta.name.clone()).boxed()));
                }
            },
            Some(name) = emptying.next() => release(&store, &name),
        }
    }
}

fn collection(definition: &Object) -> Option<ResourceRef> {
    let value = definition.value().ok()?;
    let spec = &value["spec"];
    Some(ResourceRef::new(spec["group"].as_str()?, spec["names"]["plural"].as_str()?))
}

fn hold(store: &Store, definition: &Object) {
    if definition.meta.finalizers.iter().any(|finalizer| &**finalizer == CLEANUP) {
        return;
    }
    edit_finalizers(store, &definition.meta.name, |finalizers| finalizers.push(CLEANUP.into()));
}

/// Deletes all objects of the collection and waits until the last is gone. Gives back `name`.
async fn empty(store: Store, resource: ResourceRef, name: Box<str>) -> Box<str> {
    let mut objects = Feed::new(&store, resource.clone());
    loop {
        objects.next().await;
        let left = store.list(&resource, None).objects;
        if left.is_empty() {
            return name;
        }
        for object in left.iter().filter(|object| !object.meta.is_terminating()) {
            let options = DeleteOptions::default();
            if let Err(error) = store.delete(&resource, &object.meta.namespace, &object.meta.name, &options) {
                tracing::debug!(%resource, name = %object.meta.name, %error, "gone before it was deleted");
            }
        }
        if store.list(&resource, None).objects.is_empty() {
            return name;
        }
    }
}

fn release(store: &Store, name: &str) {
    edit_finalizers(store, name, |finalizers| finalizers.retain(|finalizer| finalizer != CLEANUP));
}

fn edit_finalizers(store: &Store, name: &str, edit: impl Fn(&mut Vec<Value>)) {
    let edited = store.modify(&CUSTOMRESOURCEDEFINITIONS, "", name, |definition| {
        let mut finalizers = definition["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        edit(&mut finalizers);
        let Some(metadata) = definition["metadata"].as_object_mut() else { return };
        match finalizers.is_empty() {
            true => drop(metadata.remove("finalizers")),
            false => drop(metadata.insert("finalizers".into(), finalizers.into())),
        }
    });
    if let Err(error) = edited {
        tracing::debug!(definition = name, %error, "gone before it was edited");
    }
}
