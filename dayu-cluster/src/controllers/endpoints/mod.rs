//! Services and Pods → EndpointSlices, and the older Endpoints beside them.
mod step;
#[cfg(test)]
mod tests;
mod write;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use self::step::{Backend, Wish};
use super::{
    breath::Breath,
    feed::{Delta, Feed},
    key::Key,
    labels::{Labelled, Selectors},
    pod::Pod,
};
use crate::store::{Change, Object, PODS, SERVICES, Store};

/// A Service that selects pods.
struct Known {
    object: Arc<Object>,
    wish: Wish,
    /// The endpoints by pod, in the order in which they are written. Boxed, since a map has room for many where nearly all
    /// have one.
    backends: BTreeMap<Key, Box<Backend>>,
}

/// Everything that follows from a change is found by index; endpoints are written only when they differ.
struct Controller {
    store: Store,
    services: HashMap<Key, Known>,
    pods: HashMap<Key, Arc<Object>>,
    selectors: Selectors,
    labelled: Labelled,
    /// The Services that have a pod among their endpoints.
    served: HashMap<Key, HashSet<Key>>,
}

/// Follows Services and pods until dropped.
pub(super) async fn run(store: Store) {
    let (mut services, mut pods) = (Feed::new(&store, SERVICES), Feed::new(&store, PODS));
    write::remove_leftovers(&store);
    let mut controller = Controller::new(store);
    let mut breath = Breath::default();
    // Pods first: a Service that is looked at before its pods are known would lose its endpoints for a moment.
    for delta in pods.next().await {
        controller.take_pod(delta);
    }
    loop {
        let mut touched = BTreeSet::new();
        tokio::select! {
            deltas = services.next() => touched.extend(deltas.into_iter().filter_map(|delta| controller.take_service(delta))),
            deltas = pods.next() => deltas.into_iter().for_each(|delta| touched.extend(controller.take_pod(delta))),
        }
        for key in touched {
            controller.reconcile(&key);
            breath.take().await;
        }
    }
}

impl Controller {
    fn new(store: Store) -> Self {
        Self {
            store,
            services: HashMap::new(),
            pods: HashMap::new(),
            selectors: Selectors::default(),
            labelled: Labelled::default(),
            served: HashMap::new(),
        }
    }

    /// The Service, if its endpoints are to be written.
    fn take_service(&mut self, Delta { change, object, .. }: Delta) -> Option<Key> {
        let key = Key::of(&object);
        let wish: Wish = object.parse().unwrap_or_default();
        let before = self.services.remove(&key);
        for pod in before.iter().flat_map(|known| known.backends.keys()) {
            self.served.get_mut(pod).map(|services| services.remove(&key));
        }
        if change == Change::Deleted || !wish.selects_pods() {
            self.selectors.remove(&key);
            if before.is_some() && change == Change::Deleted {
                // What it selected is nobody's endpoint any more; the garbage collector would be later.
                write::remove(&self.store, &object.meta);
            }
            return None;
        }
        let selector = wish.selector();
        let selected: Vec<&Arc<Object>> = self
            .labelled
            .candidates(key.namespace(), &selector)
            .filter_map(|pod| self.pods.get(pod))
            .filter(|pod| selector.selects(&pod.meta.labels))
            .collect();
        let backend = |pod| wish.backend(&object.meta, pod, &parsed(pod)).map(Box::new);
        let backends: BTreeMap<Key, Box<Backend>> =
            selected.into_iter().filter_map(|pod| Some((Key::of(pod), backend(pod)?))).collect();
        self.selectors.insert(&key, selector);
        for pod in backends.keys() {
            self.served.entry(pod.clone()).or_default().insert(key.clone());
        }
        let same = before.is_some_and(|before| {
            before.wish == wish
                && before.backends == backends
                && before.object.meta.labels == object.meta.labels
                && before.object.meta.uid == object.meta.uid
        });
        self.services.insert(key.clone(), Known { object, wish, backends });
        (!same).then_some(key)
    }

    /// The Services whose endpoints are to be written.
    fn take_pod(&mut self, delta: Delta) -> Vec<Key> {
        let pod = delta.pod();
        let Delta { change, object, .. } = delta;
        let key = Key::of(&object);
        if let Some(before) = self.pods.remove(&key) {
            self.labelled.remove(&key, &before.meta.labels);
        }
        let mut lost = self.served.remove(&key).unwrap_or_default();
        let mut touched = Vec::new();
        if change != Change::Deleted {
            for service in self.selectors.selecting(key.namespace(), &object.meta.labels) {
                let Some(known) = self.services.get_mut(service) else { continue };
                let Some(backend) = known.wish.backend(&known.object.meta, &object, &pod) else { continue };
                if known.backends.get(&key).is_none_or(|known| **known != backend) {
                    known.backends.insert(key.clone(), Box::new(backend));
                    touched.push(service.clone());
                }
                lost.remove(service);
                self.served.entry(key.clone()).or_default().insert(service.clone());
            }
            self.labelled.insert(&key, &object.meta.labels);
            self.pods.insert(key.clone(), object);
        }
        for service in lost {
            if self.services.get_mut(&service).is_some_and(|known| known.backends.remove(&key).is_some()) {
                touched.push(service);
            }
        }
        touched
    }

    fn reconcile(&self, service: &Key) {
        let Some(known) = self.services.get(service).filter(|known| !known.object.meta.is_terminating()) else {
            return;
        };
        let backends: Vec<Backend> = known.backends.values().map(|backend| (**backend).clone()).collect();
        write::endpoints(&self.store, &known.object.meta, &known.wish, &backends);
    }
}

fn parsed(object: &Object) -> Pod {
    object.parse().unwrap_or_default()
}
