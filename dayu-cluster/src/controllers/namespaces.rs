//! Namespaces: what every one of them holds, and how a deleted one is emptied.
use std::{collections::BTreeSet, sync::Arc};

use serde_json::json;
use tokio::sync::Notify;

use super::{
    feed::{Delta, Feed},
    kinds::Kinds,
};
use crate::{
    registry::Registry,
    store::{
        CONFIGMAPS, CUSTOMRESOURCEDEFINITIONS, Change, DeleteOptions, NAMESPACES, ResourceRef, SERVICEACCOUNTS, Store,
        StoreError,
    },
};

struct Controller {
    store: Store,
    registry: Registry,
    kinds: Kinds,
    root_certificate: Option<String>,
    /// Namespaces that are being emptied.
    terminating: BTreeSet<Box<str>>,
}

/// Follows namespaces until dropped. `departures` tells that an object is gone from a namespace that is being emptied.
pub(super) async fn run(store: Store, registry: Registry, root_certificate: Option<String>, departures: Arc<Notify>) {
    let mut namespaces = Feed::new(&store, NAMESPACES);
    let mut definitions = Feed::new(&store, CUSTOMRESOURCEDEFINITIONS);
    let (kinds, terminating) = (Kinds::built_in(&registry), BTreeSet::new());
    let mut controller = Controller { store, registry, kinds, root_certificate, terminating };
    loop {
        tokio::select! {
            biased;
            deltas = definitions.next() => controller.learn(&deltas),
            deltas = namespaces.next() => controller.take(deltas),
            // Pods take their time to stop, finalizers theirs.
            () = departures.notified() => controller.empty_all(),
        }
    }
}

impl Controller {
    fn learn(&mut self, deltas: &[Delta]) {
        for delta in deltas.iter().filter(|delta| delta.change != Change::Deleted) {
            self.kinds.learn(&self.registry, &delta.object);
        }
    }

    fn take(&mut self, deltas: Vec<Delta>) {
        for Delta { change, object, .. } in deltas {
            let name = object.meta.name.clone();
            if change == Change::Deleted {
                self.terminating.remove(&name);
            } else if object.meta.is_terminating() {
                self.empty(&name);
                self.terminating.insert(name);
            } else {
                self.furnish(&name);
            }
        }
    }

    /// The account that pods run as, and the certificate that they check the API by.
    fn furnish(&self, namespace: &str) {
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": namespace},
        });
        self.create(&SERVICEACCOUNTS, "default", account);
        if let Some(certificate) = &self.root_certificate {
            let map = json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "kube-root-ca.crt", "namespace": namespace},
                "data": {"ca.crt": certificate},
            });
            self.create(&CONFIGMAPS, "kube-root-ca.crt", map);
        }
    }

    fn create(&self, resource: &ResourceRef, name: &str, value: serde_json::Value) {
        let namespace = value["metadata"]["namespace"].as_str().unwrap_or_default();
        if self.store.get(resource, namespace, name).is_some() {
            return;
        }
        match self.store.create(resource, value) {
            Ok(_) | Err(StoreError::AlreadyExists { .. }) => {}
            Err(error) => tracing::warn!(%resource, %error, "a namespace lacks what every one has"),
        }
    }

    fn empty_all(&self) {
        self.terminating.iter().for_each(|name| self.empty(name));
    }

    /// Deletes everything in the namespace, and lets it go once nothing is left.
    fn empty(&self, namespace: &str) {
        let mut is_empty = true;
        for resource in self.kinds.namespaced() {
            for object in self.store.list(resource, Some(namespace)).objects {
                if object.meta.is_terminating() {
                    continue;
                }
                let deleted = self.store.delete(resource, namespace, &object.meta.name, &DeleteOptions::default());
                if let Err(error) = deleted {
                    tracing::debug!(%resource, name = %object.meta.name, %error, "gone before it was deleted");
                }
            }
            is_empty &= self.store.list(resource, Some(namespace)).objects.is_empty();
        }
        let written = self.store.modify(&NAMESPACES, "", namespace, |value| {
            value["status"]["phase"] = "Terminating".into();
            if is_empty {
                // Others than this controller may hold it too.
                if let Some(finalizers) = value["spec"]["finalizers"].as_array_mut() {
                    finalizers.retain(|finalizer| finalizer != "kubernetes");
                }
            }
        });
        if let Err(error) = written {
            tracing::debug!(namespace, %error, "the namespace is gone already");
        }
    }
}
