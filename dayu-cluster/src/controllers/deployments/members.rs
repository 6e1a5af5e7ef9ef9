//! Every pod that belongs to a Deployment, or could.
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use super::{
    super::{feed::Delta, key::Key, labels::Selector, pod::Pod},
    owner,
    step::{Life, Member},
    template::HASH_LABEL,
};
use crate::store::{Change, Object};

/// Pods by owner; what this controller did itself is known before its event comes.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// By uid of the owner, then by name. Boxed, since a map has room for many where nearly all have one.
    of: HashMap<Box<str>, BTreeMap<Box<str>, Box<Tracked>>>,
    /// Pods without a controller.
    orphans: HashMap<Key, Arc<Object>>,
    /// Pods that were deleted while events from before may still come.
    buried: HashSet<Box<str>>,
}

#[derive(Debug)]
struct Tracked {
    version: u64,
    member: Member,
}

impl Members {
    pub(super) fn of(&self, owner: &str) -> impl Iterator<Item = &Member> {
        self.of.get(owner).into_iter().flat_map(BTreeMap::values).map(|tracked| &tracked.member)
    }

    /// Pods without controller that the Deployment `key` would have made.
    pub(super) fn orphans(&self, key: &Key, selector: &Selector, hash: &str) -> Vec<Arc<Object>> {
        let there = self.orphans.iter().filter(|(pod, _)| pod.namespace() == key.namespace());
        let fits = |pod: &&Arc<Object>| pod.meta.label(HASH_LABEL) == Some(hash) && selector.selects(&pod.meta.labels);
        there.map(|(_, pod)| pod).filter(fits).cloned().collect()
    }

    /// Takes a change; `false` when it is none, or older than what is known.
    pub(super) fn take(&mut self, delta: Delta) -> bool {
        let pod = delta.pod();
        let Delta { change, object, .. } = delta;
        let key = Key::of(&object);
        self.orphans.remove(&key);
        if change == Change::Deleted {
            let was_known = owner(&object).is_some_and(|owner| self.leave(owner, &object.meta.name));
            return self.buried.remove(&object.meta.uid) || was_known;
        }
        if self.buried.contains(&object.meta.uid) {
            return false;
        }
        match owner(&object) {
            Some(_) => self.note(&object, &pod),
            None if object.meta.controller().is_none() => drop(self.orphans.insert(key, object)),
            None => {}
        }
        true
    }

    /// Notes a pod as it is, unless it is known in a newer state.
    pub(super) fn insert(&mut self, object: &Object) {
        self.note(object, &object.parse().unwrap_or_default());
    }

    fn note(&mut self, object: &Object, pod: &Pod) {
        let Some(owner) = owner(object) else { return };
        let version = object.meta.resource_version;
        let siblings = self.of.entry(owner.into()).or_default();
        if siblings.get(&object.meta.name).is_none_or(|known| known.version <= version) {
            let tracked = Tracked { version, member: member(object, pod) };
            siblings.insert(object.meta.name.clone(), Box::new(tracked));
        }
    }

    /// Forgets a deleted pod at once, and what events from before still say of it.
    pub(super) fn bury(&mut self, owner: &str, name: &str, uid: &str) {
        self.leave(owner, name);
        self.buried.insert(uid.into());
    }

    /// The pod belongs to `owner` no more. Whether it did.
    pub(super) fn leave(&mut self, owner: &str, name: &str) -> bool {
        let Some(siblings) = self.of.get_mut(owner) else { return false };
        let left = siblings.remove(name).is_some();
        if siblings.is_empty() {
            self.of.remove(owner);
        }
        left
    }
}

fn member(object: &Object, pod: &Pod) -> Member {
    let life = match &*pod.status.phase {
        "Succeeded" => Life::Succeeded,
        "Failed" => Life::Failed,
        _ if pod.is_ready() => Life::Ready,
        _ => Life::Unready,
    };
    let changes = pod.status.conditions.iter().filter_map(|condition| condition.last_transition_time);
    Member {
        name: object.meta.name.clone(),
        uid: object.meta.uid.clone(),
        hash: object.meta.label(HASH_LABEL).unwrap_or_default().into(),
        life,
        terminating: object.meta.is_terminating(),
        since: changes.chain(pod.metadata.creation_timestamp).max().unwrap_or_default(),
    }
}
