//! Services and Pods → EndpointSlices, and the older Endpoints beside them.
mod step;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use serde_json::Value;

use self::step::{Backend, Wish};
use super::{
    feed::{Delta, Feed},
    pod::{Pod, selects},
};
use crate::store::{
    Change, DeleteOptions, ENDPOINTS, ENDPOINTSLICES, Object, PODS, ResourceRef, SERVICES, Store, StoreError,
};

type Name = Box<str>;

/// A Service that selects pods.
struct Known {
    object: Arc<Object>,
    wish: Wish,
}

struct Controller {
    store: Store,
    /// By namespace, then name.
    services: HashMap<Name, BTreeMap<Name, Known>>,
    pods: HashMap<Name, BTreeMap<Name, Arc<Object>>>,
}

/// Follows Services and pods until dropped.
pub(super) async fn run(store: Store) {
    let (mut services, mut pods) = (Feed::new(&store, SERVICES), Feed::new(&store, PODS));
    let mut controller = Controller { store, services: HashMap::new(), pods: HashMap::new() };
    let known = pods.next().await;
    controller.take_pods(known);
    loop {
        let touched = tokio::select! {
            deltas = services.next() => controller.take_services(deltas),
            deltas = pods.next() => controller.take_pods(deltas),
        };
        for (namespace, name) in touched {
            controller.reconcile(&namespace, &name);
        }
    }
}

impl Controller {
    fn take_services(&mut self, deltas: Vec<Delta>) -> BTreeSet<(Name, Name)> {
        let mut touched = BTreeSet::new();
        for Delta { change, object, .. } in deltas {
            let (namespace, name) = (object.meta.namespace.clone(), object.meta.name.clone());
            let wish: Wish = object.parse().unwrap_or_default();
            let there = self.services.entry(namespace.clone()).or_default();
            let was_known = there.remove(&name).is_some();
            if change == Change::Deleted {
                // What it selected is nobody's endpoint any more; the garbage collector would be later.
                if was_known {
                    self.remove(&namespace, &name, &object.meta.uid);
                }
            } else if wish.selects_pods() {
                there.insert(name.clone(), Known { object, wish });
                touched.insert((namespace, name));
            }
        }
        touched
    }

    fn take_pods(&mut self, deltas: Vec<Delta>) -> BTreeSet<(Name, Name)> {
        let mut touched = BTreeSet::new();
        for Delta { change, object, previous } in deltas {
            let namespace = &object.meta.namespace;
            let before = self.pods.get(namespace).and_then(|pods| pods.get(&object.meta.name)).cloned().or(previous);
            for (name, known) in self.services.get(namespace).into_iter().flatten() {
                let selector = &known.wish.spec.selector;
                let was = before.as_ref().is_some_and(|before| selects(selector, &before.meta.labels));
                if was || selects(selector, &object.meta.labels) {
                    touched.insert((namespace.clone(), name.clone()));
                }
            }
            let there = self.pods.entry(namespace.clone()).or_default();
            if change == Change::Deleted {
                there.remove(&object.meta.name);
            } else {
                there.insert(object.meta.name.clone(), object);
            }
        }
        touched
    }

    fn reconcile(&mut self, namespace: &str, name: &str) {
        let Some(known) = self.services.get(namespace).and_then(|there| there.get(name)) else { return };
        if known.object.meta.is_terminating() {
            return;
        }
        let backends = self.backends(namespace, &known.wish);
        let service = &known.object.meta;
        for slice in step::slices(service, &known.wish, &backends) {
            self.put(&ENDPOINTSLICES, namespace, slice);
        }
        let now = crate::environment::rfc3339(self.store.environment().now());
        self.put(&ENDPOINTS, namespace, step::endpoints(service, &known.wish, &backends, &now));
    }

    fn backends(&self, namespace: &str, wish: &Wish) -> Vec<Backend> {
        let pods = self.pods.get(namespace).into_iter().flat_map(BTreeMap::values);
        let selected = pods.filter(|object| selects(&wish.spec.selector, &object.meta.labels));
        selected
            .filter_map(|object| {
                let pod: Pod = object.parse().ok()?;
                let address = pod.status.pod_ip.clone().filter(|address| !address.is_empty())?;
                (!pod.has_ended()).then(|| Backend {
                    address,
                    node: pod.spec.node_name.clone(),
                    pod: object.meta.name.clone(),
                    uid: object.meta.uid.clone(),
                    ready: pod.is_ready(),
                    terminating: object.meta.is_terminating(),
                    ports: wish.ports(&pod),
                })
            })
            .collect()
    }

    /// Creates `wanted`, or brings the present object to it; an equal one is left alone.
    fn put(&self, resource: &ResourceRef, namespace: &str, wanted: Value) {
        let name = wanted["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let written = match self.store.get(resource, namespace, &name) {
            None => self.store.create(resource, wanted).map(drop),
            Some(_) => {
                self.store.modify(resource, namespace, &name, |present| step::bring_to(present, &wanted)).map(drop)
            }
        };
        match written {
            Ok(()) | Err(StoreError::AlreadyExists { .. } | StoreError::NotFound { .. }) => {}
            Err(error) => tracing::warn!(%resource, name, %error, "endpoints not written"),
        }
    }

    fn remove(&self, namespace: &str, name: &str, uid: &str) {
        let options = DeleteOptions::default();
        for resource in [ENDPOINTSLICES, ENDPOINTS] {
            let name = if resource == ENDPOINTS { name.to_owned() } else { step::slice_name(name) };
            let ours = self.store.get(&resource, namespace, &name).is_some_and(|object| {
                resource == ENDPOINTS || object.meta.owners.iter().any(|owner| &*owner.uid == uid)
            });
            if ours {
                // Somebody else may have been faster.
                drop(self.store.delete(&resource, namespace, &name, &options));
            }
        }
    }
}
