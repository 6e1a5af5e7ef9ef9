//! Deployment → Pods. No ReplicaSet lies in between: a pod carries the hash of the template that it was made from.
mod step;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::Instant;

use self::step::{Action, Member, Wish};
use super::{
    feed::{Delta, Feed},
    pod::Pod,
};
use crate::{
    environment,
    store::{Change, DEPLOYMENTS, DeleteOptions, Object, PODS, Preconditions, Store},
};

/// Namespace and name.
type Key = (Box<str>, Box<str>);

struct Controller {
    store: Store,
    deployments: HashMap<Key, Arc<Object>>,
    names: HashMap<Box<str>, Key>,
    /// By uid of the owner, then by name.
    pods: HashMap<Box<str>, BTreeMap<Box<str>, Arc<Object>>>,
    /// Deployments with a failed pod that is waited out.
    later: BTreeMap<Key, Instant>,
}

/// Follows Deployments and their pods until dropped.
pub(super) async fn run(store: Store) {
    let (mut deployments, mut pods) = (Feed::new(&store, DEPLOYMENTS), Feed::new(&store, PODS));
    let mut controller = Controller {
        store,
        deployments: HashMap::new(),
        names: HashMap::new(),
        pods: HashMap::new(),
        later: BTreeMap::new(),
    };
    // Pods first: a Deployment that is looked at before its pods are known would get new ones.
    let known = pods.next().await;
    controller.take_pods(known);
    loop {
        let due = controller.later.values().min().copied();
        let touched = tokio::select! {
            deltas = deployments.next() => controller.take_deployments(deltas),
            deltas = pods.next() => controller.take_pods(deltas),
            () = until(due) => controller.due(),
        };
        for key in touched {
            controller.reconcile(&key);
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

impl Controller {
    fn take_deployments(&mut self, deltas: Vec<Delta>) -> BTreeSet<Key> {
        let mut touched = BTreeSet::new();
        for Delta { change, object, previous } in deltas {
            let key = (object.meta.namespace.clone(), object.meta.name.clone());
            if change == Change::Deleted {
                self.deployments.remove(&key);
                self.names.remove(&object.meta.uid);
                self.later.remove(&key);
                continue;
            }
            // Our own status writes come back: only a new generation, or the first sight, is news.
            let is_news = previous.is_none_or(|before| {
                before.meta.generation != object.meta.generation || before.meta.uid != object.meta.uid
            });
            self.names.insert(object.meta.uid.clone(), key.clone());
            self.deployments.insert(key.clone(), object);
            if is_news {
                touched.insert(key);
            }
        }
        touched
    }

    fn take_pods(&mut self, deltas: Vec<Delta>) -> BTreeSet<Key> {
        let mut touched = BTreeSet::new();
        for Delta { change, object, .. } in deltas {
            let Some(owner) = object.meta.controller().filter(|owner| &*owner.kind == "Deployment") else { continue };
            let owner = owner.uid.clone();
            touched.extend(self.names.get(&owner).cloned());
            let siblings = self.pods.entry(owner.clone()).or_default();
            if change == Change::Deleted {
                siblings.remove(&object.meta.name);
                if siblings.is_empty() {
                    self.pods.remove(&owner);
                }
            } else {
                siblings.insert(object.meta.name.clone(), object);
            }
        }
        touched
    }

    fn due(&mut self) -> BTreeSet<Key> {
        let now = Instant::now();
        let due: BTreeSet<Key> = self.later.iter().filter(|(_, at)| **at <= now).map(|(key, _)| key.clone()).collect();
        self.later.retain(|key, _| !due.contains(key));
        due
    }

    fn reconcile(&mut self, key: &Key) {
        let Some(deployment) = self.deployments.get(key).cloned() else { return };
        if deployment.meta.is_terminating() {
            return;
        }
        let wish: Wish = match deployment.parse() {
            Ok(wish) => wish,
            Err(error) => {
                tracing::warn!(deployment = %deployment.meta.name, %error, "a Deployment that cannot be read");
                return;
            }
        };
        let hash = wish.template_hash();
        let members = self.members(&deployment);
        let now = self.store.environment().now();
        let outcome = step::step(&wish, deployment.meta.generation, &hash, &members, now);
        for action in outcome.actions {
            match action {
                Action::Create => self.create(&deployment, &wish, &hash),
                Action::Delete { name, uid } => self.delete(key, &name, &uid),
            }
        }
        if let Some(wait) = outcome.retry_after {
            self.later.insert(key.clone(), Instant::now() + Duration::try_from(wait).unwrap_or(Duration::from_secs(1)));
        }
        self.write_status(key, &deployment, &outcome.status);
    }

    fn members(&self, deployment: &Object) -> Vec<Member> {
        let pods = self.pods.get(&deployment.meta.uid).into_iter().flat_map(BTreeMap::values);
        pods.map(|object| {
            let pod: Pod = object.parse().unwrap_or_default();
            Member {
                name: object.meta.name.clone(),
                uid: object.meta.uid.clone(),
                hash: object.meta.label(step::HASH_LABEL).unwrap_or_default().into(),
                ready: pod.is_ready(),
                failed: &*pod.status.phase == "Failed",
                ended: pod.has_ended(),
                terminating: object.meta.is_terminating(),
                since: pod
                    .status
                    .conditions
                    .iter()
                    .filter_map(|c| c.last_transition_time.as_deref()?.parse().ok())
                    .max(),
            }
        })
        .collect()
    }

    fn create(&mut self, deployment: &Object, wish: &Wish, hash: &str) {
        let name = format!("{}-{hash}-{}", deployment.meta.name, environment::suffix(self.store.environment()));
        let pod = wish.pod(deployment, &name, hash);
        match self.store.create(&PODS, pod) {
            // Known at once: the next event must not find one pod too few.
            Ok(object) => {
                self.pods.entry(deployment.meta.uid.clone()).or_default().insert(object.meta.name.clone(), object);
            }
            Err(error) => tracing::warn!(deployment = %deployment.meta.name, %error, "cannot create a pod"),
        }
    }

    fn delete(&self, key: &Key, name: &str, uid: &str) {
        let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
        let options = DeleteOptions { preconditions: Some(preconditions), ..DeleteOptions::default() };
        // Gone already is as good.
        if let Err(error) = self.store.delete(&PODS, &key.0, name, &options) {
            tracing::debug!(pod = name, %error, "a pod was gone before it was deleted");
        }
    }

    fn write_status(&mut self, key: &Key, deployment: &Object, status: &Value) {
        let (uid, now) = (deployment.meta.uid.clone(), self.store.environment().now());
        let written = self.store.modify(&DEPLOYMENTS, &key.0, &key.1, |value| {
            if value["metadata"]["uid"] == *uid {
                step::merge_status(value, status, now);
            }
        });
        match written {
            Ok(object) => drop(self.deployments.insert(key.clone(), object)),
            Err(error) => tracing::debug!(deployment = %key.1, %error, "status not written"),
        }
    }
}

impl Wish {
    fn pod(&self, deployment: &Object, name: &str, hash: &str) -> Value {
        let mut pod: Value = serde_json::from_str(self.spec.template.get()).unwrap_or_default();
        let metadata = &mut pod["metadata"];
        if !metadata.is_object() {
            *metadata = json!({});
        }
        metadata["name"] = name.into();
        metadata["generateName"] = format!("{}-{hash}-", deployment.meta.name).into();
        metadata["namespace"] = deployment.meta.namespace.as_ref().into();
        metadata["labels"][step::HASH_LABEL] = hash.into();
        metadata["ownerReferences"] = json!([{
            "apiVersion": "apps/v1", "kind": "Deployment", "name": deployment.meta.name, "uid": deployment.meta.uid,
            "controller": true, "blockOwnerDeletion": true,
        }]);
        pod["apiVersion"] = "v1".into();
        pod["kind"] = "Pod".into();
        pod["status"] = json!({"phase": "Pending", "qosClass": "BestEffort"});
        pod
    }
}
