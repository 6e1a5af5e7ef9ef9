//! Which collection holds the objects of a kind: what owner references need, which name kinds only.
use std::collections::HashMap;

use serde_json::Value;

use crate::store::{
    CONFIGMAPS, CUSTOMRESOURCEDEFINITIONS, DEPLOYMENTS, ENDPOINTS, ENDPOINTSLICES, EVENTS, LEASES, NAMESPACES, NODES,
    Object, PODS, REPLICASETS, ResourceRef, SECRETS, SERVICEACCOUNTS, SERVICES,
};

/// Kinds that own, are owned, or fill namespaces, beside the custom ones.
pub(super) const BUILT_IN: [(&str, ResourceRef); 13] = [
    ("Pod", PODS),
    ("Deployment", DEPLOYMENTS),
    ("ReplicaSet", REPLICASETS),
    ("DaemonSet", ResourceRef::fixed("apps", "daemonsets")),
    ("StatefulSet", ResourceRef::fixed("apps", "statefulsets")),
    ("Service", SERVICES),
    ("Endpoints", ENDPOINTS),
    ("EndpointSlice", ENDPOINTSLICES),
    ("ConfigMap", CONFIGMAPS),
    ("Secret", SECRETS),
    ("ServiceAccount", SERVICEACCOUNTS),
    ("Lease", LEASES),
    ("Event", EVENTS),
];

/// Kinds by group and name.
#[derive(Debug)]
pub(super) struct Kinds(HashMap<(Box<str>, Box<str>), ResourceRef>);

impl Kinds {
    pub(super) fn built_in() -> Self {
        let known = BUILT_IN.into_iter().chain([("Node", NODES), ("Namespace", NAMESPACES)]);
        let known = known.chain([("CustomResourceDefinition", CUSTOMRESOURCEDEFINITIONS)]);
        Self(known.map(|(kind, resource)| ((resource.group().into(), kind.into()), resource)).collect())
    }

    /// The collection of `kind` in `api_version` (`v1`, `apps/v1`), when it is known.
    pub(super) fn collection(&self, api_version: &str, kind: &str) -> Option<&ResourceRef> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        self.0.get(&(group.into(), kind.into()))
    }

    /// Learns the kind that a CustomResourceDefinition defines; gives its collection when it is new and namespaced or not.
    pub(super) fn learn(&mut self, definition: &Object) -> Option<ResourceRef> {
        let value: Value = definition.value().ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let (group, names) = (text(&value["spec"]["group"])?, &value["spec"]["names"]);
        let (kind, plural) = (text(&names["kind"])?, text(&names["plural"])?);
        let resource = ResourceRef::new(group.clone(), plural);
        let key = (group.into(), kind.into());
        self.0.insert(key, resource.clone()).is_none().then_some(resource)
    }
}
