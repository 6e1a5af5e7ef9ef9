//! Namespaces: what every one of them holds, and how a deleted one is emptied.
use std::{collections::BTreeSet, time::Duration};

use serde_json::json;

use super::{
    feed::{Delta, Feed},
    kinds::{BUILT_IN, Kinds},
};
use crate::store::{
    CONFIGMAPS, CUSTOMRESOURCEDEFINITIONS, Change, DeleteOptions, NAMESPACES, ResourceRef, SERVICEACCOUNTS, Store,
    StoreError,
};

/// Between two looks at what is left of a namespace that is being emptied.
const PATIENCE: Duration = Duration::from_millis(250);

struct Controller {
    store: Store,
    kinds: Kinds,
    collections: Vec<ResourceRef>,
    root_certificate: Option<String>,
    /// Namespaces that are being emptied.
    terminating: BTreeSet<Box<str>>,
}

/// Follows namespaces until dropped.
pub(super) async fn run(store: Store, root_certificate: Option<String>) {
    let mut namespaces = Feed::new(&store, NAMESPACES);
    let mut definitions = Feed::new(&store, CUSTOMRESOURCEDEFINITIONS);
    let mut patience = tokio::time::interval(PATIENCE);
    let collections = BUILT_IN.into_iter().map(|(_, resource)| resource).collect();
    let (kinds, terminating) = (Kinds::built_in(), BTreeSet::new());
    let mut controller = Controller { store, kinds, collections, root_certificate, terminating };
    loop {
        tokio::select! {
            biased;
            deltas = definitions.next() => controller.learn(&deltas),
            deltas = namespaces.next() => controller.take(deltas),
            // Pods take their time to stop, finalizers theirs: what is left is looked at again while there is any.
            _ = patience.tick(), if !controller.terminating.is_empty() => controller.empty_all(),
        }
    }
}

impl Controller {
    fn learn(&mut self, deltas: &[Delta]) {
        for delta in deltas.iter().filter(|delta| delta.change != Change::Deleted) {
            self.collections.extend(self.kinds.learn(&delta.object));
        }
    }

    fn take(&mut self, deltas: Vec<Delta>) {
        for Delta { change, object, .. } in deltas {
            let name = object.meta.name.clone();
            if change == Change::Deleted {
                self.terminating.remove(&name);
            } else if object.meta.is_terminating() {
                self.terminating.insert(name.clone());
                self.empty(&name);
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
        self.create(&SERVICEACCOUNTS, account);
        if let Some(certificate) = &self.root_certificate {
            self.create(
                &CONFIGMAPS,
                json!({
                    "apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": {"name": "kube-root-ca.crt", "namespace": namespace},
                    "data": {"ca.crt": certificate},
                }),
            );
        }
    }

    fn create(&self, resource: &ResourceRef, value: serde_json::Value) {
        match self.store.create(resource, value) {
            Ok(_) | Err(StoreError::AlreadyExists { .. }) => {}
            Err(error) => tracing::warn!(%resource, %error, "a namespace lacks what every one has"),
        }
    }

    fn empty_all(&mut self) {
        for name in self.terminating.iter().cloned().collect::<Vec<_>>() {
            self.empty(&name);
        }
    }

    /// Deletes everything in the namespace, and lets it go once nothing is left.
    fn empty(&self, namespace: &str) {
        let mut left = 0;
        for resource in &self.collections {
            for object in self.store.list(resource, Some(namespace)).objects {
                if !object.meta.is_terminating() {
                    let deleted = self.store.delete(resource, namespace, &object.meta.name, &DeleteOptions::default());
                    if let Err(error) = deleted {
                        tracing::debug!(%resource, name = %object.meta.name, %error, "gone before it was deleted");
                    }
                }
            }
            left += self.store.list(resource, Some(namespace)).objects.len();
        }
        let written = self.store.modify(&NAMESPACES, "", namespace, |value| {
            value["status"]["phase"] = "Terminating".into();
            if left == 0 {
                value["spec"]["finalizers"] = json!([]);
            }
        });
        if let Err(error) = written {
            tracing::debug!(namespace, %error, "the namespace is gone already");
        }
    }
}
