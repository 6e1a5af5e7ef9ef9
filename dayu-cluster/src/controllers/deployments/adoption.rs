//! Pods that change hands: taken over by the Deployment that would have made them, let go by one that no longer selects them.
use std::sync::Arc;

use serde_json::Value;

use super::{super::key::Key, Controller, Known, template};
use crate::store::{DEPLOYMENTS, Meta, Object, PODS};

impl Controller {
    /// A pod that is nobody's goes to the Deployment that would have made it.
    pub(super) fn offer(&self, pod: &Object) {
        if pod.meta.controller().is_some() || pod.meta.is_terminating() {
            return;
        }
        let mut takers = self.selectors.selecting(&pod.meta.namespace, &pod.meta.labels);
        let fits = |known: &&Known| pod.meta.label(template::HASH_LABEL) == Some(&*known.hash);
        if let Some(known) = takers.find_map(|key| self.deployments.get(key).filter(fits)) {
            // Its event comes back as one of the Deployment's own.
            drop(self.adopt(&known.object, pod));
        }
    }

    pub(super) fn adopt(&self, deployment: &Object, pod: &Object) -> Option<Arc<Object>> {
        // An owner that is gone meanwhile would be the pod's end.
        if !self.is_current(deployment) {
            return None;
        }
        self.edit_pod(pod, |value| {
            let metadata = &mut value["metadata"];
            let owners = metadata["ownerReferences"].as_array().cloned().unwrap_or_default();
            if metadata["deletionTimestamp"].is_null() && !owners.iter().any(|owner| owner["controller"] == true) {
                metadata["ownerReferences"] = owners.into_iter().chain([template::owner(deployment)]).collect();
            }
        })
    }

    /// A pod whose labels were changed so that its Deployment does not select it any more is let go.
    pub(super) fn release_if_foreign(&self, key: &Key, pod: &Object) {
        let Some(known) = self.deployments.get(key) else { return };
        let selector = known.wish.selector();
        if selector.is_empty() || selector.selects(&pod.meta.labels) || pod.meta.is_terminating() {
            return;
        }
        let uid = &known.object.meta.uid;
        // Its event comes back as one of nobody's.
        drop(self.edit_pod(pod, |value| {
            if let Some(owners) = value["metadata"]["ownerReferences"].as_array_mut() {
                owners.retain(|owner| owner["uid"] != **uid);
            }
        }));
    }

    fn edit_pod(&self, pod: &Object, change: impl Fn(&mut Value)) -> Option<Arc<Object>> {
        let edited = self.store.modify(&PODS, &pod.meta.namespace, &pod.meta.name, |value| {
            if value["metadata"]["uid"] == *pod.meta.uid {
                change(value);
            }
        });
        edited
            .inspect_err(
                |error| tracing::debug!(pod = %pod.meta.name, %error, "a pod was gone before it changed hands"),
            )
            .ok()
    }

    /// Whether the Deployment still asks for what is known of it. If not, its event is on its way, and pods made meanwhile
    /// would be made in vain.
    pub(super) fn is_current(&self, deployment: &Object) -> bool {
        let Meta { namespace, name, uid, generation, .. } = &deployment.meta;
        let live = self.store.get(&DEPLOYMENTS, namespace, name);
        live.is_some_and(|live| {
            live.meta.uid == *uid && live.meta.generation == *generation && !live.meta.is_terminating()
        })
    }
}
