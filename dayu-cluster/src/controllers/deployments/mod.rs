//! Deployment → Pods. No ReplicaSet lies in between: a pod carries the hash of the template that it was made from.
mod adoption;
mod members;
mod status;
mod step;
mod template;
#[cfg(test)]
mod tests;
mod wish;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use futures::FutureExt;

use self::{
    members::Members,
    status::Status,
    step::{Action, Member},
    wish::Wish,
};
use super::{
    breath::Breath,
    feed::{Delta, Feed},
    key::Key,
    labels::Selectors,
    timers::Timers,
};
use crate::{
    environment,
    store::{Change, DEPLOYMENTS, DeleteOptions, Deleted, Object, PODS, Preconditions, Store, StoreError},
};

/// Before a pod that could not be stored is tried again.
const STUCK: Duration = Duration::from_secs(5);

/// A Deployment at one generation.
struct Known {
    object: Arc<Object>,
    wish: Wish,
    hash: Box<str>,
    /// What was written last; what is to be written is compared with it.
    written: Option<Status>,
}

struct Controller {
    store: Store,
    deployments: HashMap<Key, Known>,
    by_uid: HashMap<Box<str>, Key>,
    selectors: Selectors,
    members: Members,
    /// When to look at a Deployment without an event.
    timers: Timers<Key>,
}

/// Follows Deployments and their pods until dropped.
pub(super) async fn run(store: Store) {
    let (mut deployments, mut pods) = (Feed::new(&store, DEPLOYMENTS), Feed::new(&store, PODS));
    let mut controller = Controller::new(store);
    let mut breath = Breath::default();
    // Pods first: a Deployment that is looked at before its pods are known would get new ones.
    for delta in pods.next().await {
        controller.take_pod(delta);
    }
    loop {
        let mut touched = BTreeSet::new();
        tokio::select! {
            deltas = deployments.next() => {
                // What became of pods before is known before it is decided whether there are enough.
                let known = pods.next().now_or_never().unwrap_or_default();
                touched.extend(known.into_iter().filter_map(|delta| controller.take_pod(delta)));
                touched.extend(deltas.into_iter().filter_map(|delta| controller.take_deployment(delta)));
            }
            deltas = pods.next() => touched.extend(deltas.into_iter().filter_map(|delta| controller.take_pod(delta))),
            due = controller.timers.due() => touched.extend(due),
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
            deployments: HashMap::new(),
            by_uid: HashMap::new(),
            selectors: Selectors::default(),
            members: Members::default(),
            timers: Timers::default(),
        }
    }

    /// The Deployment, if it asks for something new. Our own status writes come back here and do not.
    fn take_deployment(&mut self, Delta { change, object, .. }: Delta) -> Option<Key> {
        let key = Key::of(&object);
        let known = self.deployments.get(&key);
        let same = known.filter(|known| known.object.meta.uid == object.meta.uid);
        if change == Change::Deleted {
            if same.is_some() {
                self.deployments.remove(&key);
                self.selectors.remove(&key);
                self.timers.cancel(&key);
            }
            self.by_uid.remove(&object.meta.uid);
            return None;
        }
        if same.is_some_and(|known| known.object.meta.generation == object.meta.generation) {
            // The object is replaced all the same: what is stored no more is not to be held.
            self.deployments.entry(key).and_modify(|known| known.object = object);
            return None;
        }
        let (wish, template) = match (object.parse::<Wish>(), template::of(&object)) {
            (Ok(wish), Ok(template)) => (wish, template),
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!(namespace = key.namespace(), deployment = key.name(), %error, "cannot be read and is left alone");
                return None;
            }
        };
        let hash = template::hash(&template);
        self.selectors.insert(&key, wish.selector().clone());
        self.by_uid.insert(object.meta.uid.clone(), key.clone());
        for orphan in self.members.orphans(&key, wish.selector(), &hash) {
            if let Some(adopted) = self.adopt(&object, &orphan) {
                self.members.insert(&adopted);
            }
        }
        let written = same.and_then(|known| known.written);
        self.deployments.insert(key.clone(), Known { object, wish, hash, written });
        Some(key)
    }

    /// The Deployment that the pod belongs to.
    fn take_pod(&mut self, delta: Delta) -> Option<Key> {
        let object = delta.object.clone();
        let before = delta.previous.as_ref().and_then(|pod| owner(pod)).map(Box::<str>::from);
        let now = owner(&object);
        if !self.members.take(delta) {
            return None;
        }
        if before.as_deref() != now
            && let Some(before) = before
        {
            self.members.leave(&before, &object.meta.name);
        }
        match now {
            Some(uid) => {
                let key = self.by_uid.get(uid)?.clone();
                self.release_if_foreign(&key, &object);
                Some(key)
            }
            None => {
                self.offer(&object);
                None
            }
        }
    }

    fn reconcile(&mut self, key: &Key) {
        let Some(known) = self.deployments.get(key).filter(|known| self.is_current(&known.object)) else { return };
        let now = self.store.environment().now();
        let uid = known.object.meta.uid.clone();
        let members: Vec<&Member> = self.members.of(&uid).collect();
        let decision = step::decide(&known.wish, &known.hash, &members, now);
        let mut stuck = false;
        for action in decision.actions {
            match action {
                Action::Create => stuck |= !self.create(key),
                Action::Delete { name, uid: pod } => self.delete(key, &uid, &name, &pod),
            }
        }
        let retry_after = decision.retry_after.and_then(|wait| Duration::try_from(wait).ok());
        if let Some(wait) = retry_after.into_iter().chain(stuck.then_some(STUCK)).min() {
            self.timers.set(key.clone(), wait);
        }
        self.write_status(key, stuck);
    }

    /// Whether a pod was made.
    fn create(&mut self, key: &Key) -> bool {
        /// Five random letters are rarely taken.
        const ATTEMPTS: usize = 5;
        let Some(known) = self.deployments.get(key) else { return false };
        for _ in 0..ATTEMPTS {
            let suffix = environment::suffix(self.store.environment());
            let made = template::pod(&known.object, &known.hash, &suffix)
                .map_err(|error| StoreError::Malformed { resource: PODS, reason: error.to_string() })
                .and_then(|pod| self.store.create(&PODS, pod));
            match made {
                // Known at once: the next event must not find one pod too few.
                Ok(object) => {
                    self.members.insert(&object);
                    return true;
                }
                Err(StoreError::AlreadyExists { .. }) => {}
                Err(error) => {
                    tracing::warn!(namespace = key.namespace(), deployment = key.name(), %error, "cannot create a pod");
                    return false;
                }
            }
        }
        false
    }

    fn delete(&mut self, key: &Key, owner: &str, name: &str, pod: &str) {
        let preconditions = Preconditions { uid: Some(pod.to_owned()), resource_version: None };
        let options = DeleteOptions { preconditions: Some(preconditions), ..DeleteOptions::default() };
        match self.store.delete(&PODS, key.namespace(), name, &options) {
            Ok(Deleted::Terminating(object)) => self.members.insert(&object),
            Ok(Deleted::Removed(_)) | Err(StoreError::NotFound { .. } | StoreError::Precondition { .. }) => {
                self.members.bury(owner, name, pod);
            }
            Err(error) => tracing::warn!(pod = name, %error, "cannot delete a pod"),
        }
    }

    fn write_status(&mut self, key: &Key, stuck: bool) {
        let Some(known) = self.deployments.get_mut(key) else { return };
        let now = self.store.environment().now();
        let members: Vec<&Member> = self.members.of(&known.object.meta.uid).collect();
        let status = Status::of(&known.wish, known.object.meta.generation, &known.hash, &members, stuck, now);
        if known.written == Some(status) {
            return;
        }
        let uid = &known.object.meta.uid;
        let written = self.store.edit(&DEPLOYMENTS, key.namespace(), key.name(), |deployment| {
            if deployment.meta().uid == *uid {
                status.write(&mut deployment["status"], now);
            }
        });
        match written {
            Ok(_) => known.written = Some(status),
            Err(error) => tracing::debug!(deployment = key.name(), %error, "status not written"),
        }
    }
}

/// UID of the Deployment that controls the pod.
fn owner(pod: &Object) -> Option<&str> {
    pod.meta
        .controller()
        .filter(|owner| &*owner.kind == "Deployment" && owner.api_version.starts_with("apps/"))
        .map(|owner| &*owner.uid)
}
