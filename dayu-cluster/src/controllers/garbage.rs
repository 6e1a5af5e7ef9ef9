//! Owner references: what nobody owns any more goes, and owners that wait for their dependents are let go.
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, LazyLock},
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use serde_json::Value;

use tokio::sync::Notify;

use super::{
    breath::Breath,
    feed::{Delta, Feed},
    kinds::Kinds,
};
use crate::{
    patch,
    registry::{self, Registry},
    schema::{self, Kind, Node, builtin},
    store::{
        CUSTOMRESOURCEDEFINITIONS, Change, DeleteOptions, Meta, NAMESPACES, Object, Owner, Preconditions, Propagation,
        ResourceRef, Store,
    },
};

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";
type Uid = Box<str>;

/// An object that names owners.
#[derive(Clone)]
struct Dependent {
    resource: ResourceRef,
    object: Arc<Object>,
}

struct Collector {
    store: Store,
    kinds: Kinds,
    /// Dependents by uid of each owner, then by their own. One map, since nearly all owners have one dependent, and a map
    /// for each would take more than what is in it.
    of: BTreeMap<(Uid, Uid), Dependent>,
    /// Owners that wait for their dependents.
    waiting: HashMap<Uid, (ResourceRef, Arc<Object>)>,
}

/// Follows every collection until dropped; those of new custom kinds from their definition on. Tells `departures` when
/// something is gone from a namespace that is to be emptied.
pub(super) async fn run(store: Store, registry: Registry, departures: Arc<Notify>) {
    let kinds = Kinds::built_in(&registry);
    let mut feeds: FuturesUnordered<_> =
        kinds.owning().into_iter().map(|resource| follow(Feed::new(&store, resource))).collect();
    let mut collector = Collector { store: store.clone(), kinds, of: BTreeMap::new(), waiting: HashMap::new() };
    let mut breath = Breath::default();
    while let Some((feed, deltas)) = feeds.next().await {
        let resource = feed.resource().clone();
        feeds.push(follow(feed));
        if deltas.iter().any(|delta| delta.change == Change::Deleted && collector.lay_in_terminating(&delta.object)) {
            departures.notify_one();
        }
        for delta in deltas {
            if resource == CUSTOMRESOURCEDEFINITIONS && delta.change != Change::Deleted {
                feeds.extend(collector.kinds.learn(&registry, &delta.object).map(|new| follow(Feed::new(&store, new))));
            }
            collector.take(&resource, delta);
            breath.take().await;
        }
    }
}

/// The feed with its next changes.
fn follow(mut feed: Feed) -> BoxFuture<'static, (Feed, Vec<Delta>)> {
    async move {
        let deltas = feed.next().await;
        (feed, deltas)
    }
    .boxed()
}

impl Collector {
    fn lay_in_terminating(&self, object: &Object) -> bool {
        let namespace = self.store.get(&NAMESPACES, "", &object.meta.namespace);
        namespace.is_some_and(|namespace| namespace.meta.is_terminating())
    }

    fn take(&mut self, resource: &ResourceRef, delta: Delta) {
        let Delta { change, object, previous, .. } = delta;
        self.forget_owners(previous.as_ref().unwrap_or(&object), &object);
        if change == Change::Deleted {
            self.forget_owners(&object, &Object { meta: Default::default(), json: Default::default() });
            self.waiting.remove(&object.meta.uid);
            self.release_dependents(&object.meta.uid);
            return;
        }
        for owner in object.meta.owners.iter() {
            let dependent = Dependent { resource: resource.clone(), object: object.clone() };
            self.of.insert((owner.uid.clone(), object.meta.uid.clone()), dependent);
        }
        if !object.meta.owners.is_empty() && !object.meta.is_terminating() {
            self.check_owners(resource, &object);
        }
        if object.meta.is_terminating() && object.meta.finalizers.iter().any(|f| matches!(&**f, FOREGROUND | ORPHAN)) {
            let uid = object.meta.uid.clone();
            self.waiting.insert(uid.clone(), (resource.clone(), object));
            self.serve_waiting(&uid);
        }
    }

    /// Takes `before` out of the index of owners that `after` does not name; one may have waited for just that.
    fn forget_owners(&mut self, before: &Object, after: &Object) {
        for owner in before.meta.owners.iter() {
            if after.meta.owners.iter().any(|kept| kept.uid == owner.uid) {
                continue;
            }
            self.of.remove(&(owner.uid.clone(), before.meta.uid.clone()));
            self.finish_foreground(&owner.uid);
        }
    }

    /// An owner is gone: those whose last owner it was go too, the others lose the reference.
    fn release_dependents(&mut self, owner: &str) {
        let dependents: Vec<Dependent> = self.dependents(owner).cloned().collect();
        for dependent in dependents {
            self.check_owners(&dependent.resource, &dependent.object);
        }
    }

    /// Deletes the object when none of its owners is there, and takes those from it that are not.
    fn check_owners(&self, resource: &ResourceRef, known: &Object) {
        if self.absent_owners(known).is_empty() {
            return;
        }
        // Decided by the object as it is, not as it was when its last event came: it may have been let go since.
        let live = self.store.get(resource, &known.meta.namespace, &known.meta.name);
        let Some(object) = live.filter(|live| live.meta.uid == known.meta.uid) else { return };
        let absent = self.absent_owners(&object);
        if absent.is_empty() {
            return;
        }
        if absent.len() == object.meta.owners.len() {
            self.delete(resource, &object, Propagation::Background);
        } else {
            self.edit(resource, &object, |value| drop_owners(value, |uid| absent.contains(uid)));
        }
    }

    /// UIDs of owners that are gone or replaced; those of unknown kinds count as there.
    fn absent_owners<'a>(&self, object: &'a Object) -> HashSet<&'a str> {
        let is_absent = |owner: &&Owner| {
            let Some(collection) = self.kinds.collection(&owner.api_version, &owner.kind) else { return false };
            // An owner is in the same namespace, or in none.
            let mut places = [&*object.meta.namespace, ""].into_iter();
            let found = places.find_map(|namespace| self.store.get(collection, namespace, &owner.name));
            found.is_none_or(|found| found.meta.uid != owner.uid)
        };
        object.meta.owners.iter().filter(is_absent).map(|owner| &*owner.uid).collect()
    }

    /// Does for a waiting owner what its finalizer asks for.
    fn serve_waiting(&mut self, owner: &str) {
        let Some((resource, object)) = self.waiting.get(owner).cloned() else { return };
        if object.meta.finalizers.iter().any(|finalizer| &**finalizer == ORPHAN) {
            for dependent in self.all_dependents(owner) {
                self.edit(&dependent.resource, &dependent.object, |value| drop_owners(value, |uid| uid == owner));
            }
            self.edit(&resource, &object, |value| drop_finalizer(value, ORPHAN));
            return;
        }
        let dependents: Vec<Dependent> = self.dependents(owner).cloned().collect();
        for dependent in &dependents {
            if let Some(live) = self.live(dependent, owner).filter(|live| !live.meta.is_terminating()) {
                self.delete(&dependent.resource, &live, Propagation::Foreground);
            }
        }
        self.finish_foreground(owner);
    }

    fn dependents(&self, owner: &str) -> impl Iterator<Item = &Dependent> {
        let those = self.of.range((owner.into(), Uid::default())..);
        those.take_while(move |((of, _), _)| **of == *owner).map(|(_, dependent)| dependent)
    }

    /// Asks the store itself: a dependent whose event is still on its way would be collected instead of let go. Orphaning is
    /// rare enough to look at everything.
    fn all_dependents(&self, owner: &str) -> Vec<Dependent> {
        let mut dependents = Vec::new();
        for resource in self.kinds.owning() {
            let objects = self.store.list(&resource, None).objects.into_iter();
            let owned = objects.filter(|object| object.meta.owners.iter().any(|reference| &*reference.uid == owner));
            dependents.extend(owned.map(|object| Dependent { resource: resource.clone(), object }));
        }
        dependents
    }

    /// Lets a waiting owner go once no dependent blocks it.
    fn finish_foreground(&self, owner: &str) {
        let Some((resource, object)) = self.waiting.get(owner) else { return };
        let blocks = |dependent: &Dependent| {
            let live = self.live(dependent, owner);
            let mut references = live.iter().flat_map(|live| live.meta.owners.iter());
            references.any(|reference| &*reference.uid == owner && reference.block_owner_deletion)
        };
        if !self.dependents(owner).any(blocks) {
            self.edit(resource, object, |value| drop_finalizer(value, FOREGROUND));
        }
    }

    /// The dependent as it is now, if it still is one.
    fn live(&self, dependent: &Dependent, owner: &str) -> Option<Arc<Object>> {
        let Meta { namespace, name, uid, .. } = &dependent.object.meta;
        let live = self.store.get(&dependent.resource, namespace, name).filter(|live| live.meta.uid == *uid);
        live.filter(|live| live.meta.owners.iter().any(|reference| &*reference.uid == owner))
    }

    fn delete(&self, resource: &ResourceRef, object: &Object, propagation: Propagation) {
        let preconditions = Preconditions { uid: Some(object.meta.uid.as_ref().into()), resource_version: None };
        let options = DeleteOptions {
            preconditions: Some(preconditions),
            propagation_policy: Some(propagation),
            ..DeleteOptions::default()
        };
        // Gone or replaced meanwhile is as good.
        if let Err(error) = self.store.delete(resource, &object.meta.namespace, &object.meta.name, &options) {
            tracing::debug!(%resource, name = %object.meta.name, %error, "not collected");
        }
        if *resource == CUSTOMRESOURCEDEFINITIONS {
            registry::retire(&self.store, &object.meta.name);
        }
    }

    fn edit(&self, resource: &ResourceRef, object: &Object, change: impl Fn(&mut Value)) {
        let edited = self.store.modify(resource, &object.meta.namespace, &object.meta.name, |value| {
            if value["metadata"]["uid"] == *object.meta.uid {
                change(value);
            }
        });
        if let Err(error) = edited {
            tracing::debug!(%resource, name = %object.meta.name, %error, "not edited");
        }
    }
}

/// What an object has whatever its kind.
static ANY: LazyLock<Node> = LazyLock::new(|| {
    let fields = [("metadata".into(), builtin::object_meta())].into();
    Node::new(Kind::Object(schema::Object { fields, ..schema::Object::default() }))
});

fn drop_owners(value: &mut Value, gone: impl Fn(&str) -> bool) {
    let before = value.clone();
    let Some(metadata) = value["metadata"].as_object_mut() else { return };
    if let Some(owners) = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut) {
        owners.retain(|owner| !gone(owner["uid"].as_str().unwrap_or_default()));
        if owners.is_empty() {
            metadata.remove("ownerReferences");
        }
    }
    // Who wrote a reference owns it no more. Nothing is written instead, so the writer's name and time are never told.
    let api_version = before["apiVersion"].as_str().unwrap_or_default();
    let writer = patch::Writer { manager: "kube-controller-manager", api_version, part: patch::Part::Whole, now: "" };
    patch::update(Some(&before), value, writer, &ANY);
}

fn drop_finalizer(value: &mut Value, name: &str) {
    let Some(metadata) = value["metadata"].as_object_mut() else { return };
    if let Some(finalizers) = metadata.get_mut("finalizers").and_then(Value::as_array_mut) {
        finalizers.retain(|finalizer| finalizer != name);
        if finalizers.is_empty() {
            metadata.remove("finalizers");
        }
    }
}
