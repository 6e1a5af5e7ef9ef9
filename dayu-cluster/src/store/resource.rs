//! What a collection of stored objects is called.

use std::borrow::Cow;
use std::fmt;

/// A stored collection, by group and plural: versions of one kind share it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ResourceRef {
    group: Cow<'static, str>,
    plural: Cow<'static, str>,
}

impl ResourceRef {
    /// A built-in resource; `group` is empty for the core group.
    pub const fn fixed(group: &'static str, plural: &'static str) -> Self {
        Self { group: Cow::Borrowed(group), plural: Cow::Borrowed(plural) }
    }

    /// A resource whose names are known at run time only (custom resources).
    pub fn new(group: impl Into<String>, plural: impl Into<String>) -> Self {
        Self { group: Cow::Owned(group.into()), plural: Cow::Owned(plural.into()) }
    }

    pub fn group(&self) -> &str {
        &self.group
    }

    pub fn plural(&self) -> &str {
        &self.plural
    }
}

/// `pods`, `deployments.apps`: as Kubernetes names a resource in messages.
impl fmt::Display for ResourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group() {
            "" => f.write_str(&self.plural),
            group => write!(f, "{}.{group}", self.plural),
        }
    }
}

pub const NAMESPACES: ResourceRef = ResourceRef::fixed("", "namespaces");
pub const NODES: ResourceRef = ResourceRef::fixed("", "nodes");
pub const PODS: ResourceRef = ResourceRef::fixed("", "pods");
pub const SERVICES: ResourceRef = ResourceRef::fixed("", "services");
pub const ENDPOINTS: ResourceRef = ResourceRef::fixed("", "endpoints");
pub const CONFIGMAPS: ResourceRef = ResourceRef::fixed("", "configmaps");
pub const SECRETS: ResourceRef = ResourceRef::fixed("", "secrets");
pub const SERVICEACCOUNTS: ResourceRef = ResourceRef::fixed("", "serviceaccounts");
pub const EVENTS: ResourceRef = ResourceRef::fixed("", "events");
pub const DEPLOYMENTS: ResourceRef = ResourceRef::fixed("apps", "deployments");
pub const ENDPOINTSLICES: ResourceRef = ResourceRef::fixed("discovery.k8s.io", "endpointslices");
pub const LEASES: ResourceRef = ResourceRef::fixed("coordination.k8s.io", "leases");
pub const CUSTOMRESOURCEDEFINITIONS: ResourceRef =
    ResourceRef::fixed("apiextensions.k8s.io", "customresourcedefinitions");
