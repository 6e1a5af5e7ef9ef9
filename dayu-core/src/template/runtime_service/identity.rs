//! The labels and annotations by which meshes, managers and users know the children of a RuntimeService.
use std::collections::BTreeMap;

use crate::api::{RuntimeService, annotation, label};

/// What every child carries.
pub(super) struct Identity<'a> {
    pub(super) name: &'a str,
    pub(super) hash: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
}

impl<'a> Identity<'a> {
    pub(super) fn of(service: &'a RuntimeService, hash: String) -> Self {
        let name = service.metadata.name.as_deref().unwrap_or_default();
        let revision = service.spec.deployment_revision.to_string();
        let labels = [
            (label::MESH_MANAGED, "true"),
            (label::INSTALL_ID, &service.spec.install_id),
            (label::DEPLOYMENT_REVISION, &revision),
            (label::RUNTIME_ID, name),
            (label::COMPONENT, &service.spec.component),
            (label::RUNTIME_SERVICE_UID, service.metadata.uid.as_deref().unwrap_or_default()),
        ];
        let annotations = [
            // Written even when empty: readers tell "no service of the application" from "not ours" by it.
            (annotation::LOGICAL_SERVICE, service.spec.logical_service.as_str()),
            (annotation::TARGET_NODE, &service.spec.target_node),
            (annotation::RUNTIME_SPEC_HASH, &hash),
        ];
        Self { name, labels: owned(labels), annotations: owned(annotations), hash }
    }

    /// What selects the pods: narrow enough for one revision of one object, and immutable as selectors are.
    pub(super) fn selector(&self) -> BTreeMap<String, String> {
        [label::DEPLOYMENT_REVISION, label::RUNTIME_ID, label::RUNTIME_SERVICE_UID]
            .into_iter()
            .filter_map(|key| self.labels.get_key_value(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

fn owned<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
