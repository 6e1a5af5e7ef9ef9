//! Which collection holds the objects of a kind: what owner references need, which name kinds only.
use std::collections::{HashMap, HashSet};

use crate::{
    registry::{Origin, Registry},
    store::{EVENTS, Object, ResourceRef},
};

/// Group and kind.
type Name = (Box<str>, Box<str>);

/// The kinds that are stored: the built-in ones, and the custom ones that were learnt.
#[derive(Debug)]
pub(super) struct Kinds {
    by_name: HashMap<Name, ResourceRef>,
    namespaced: HashSet<ResourceRef>,
}

impl Kinds {
    pub(super) fn built_in(registry: &Registry) -> Self {
        let mut kinds = Self { by_name: HashMap::new(), namespaced: HashSet::new() };
        let known = registry.kinds();
        for kind in known.iter().filter(|kind| matches!(kind.origin, Origin::BuiltIn)) {
            kinds.by_name.insert((kind.group.as_str().into(), kind.kind.as_str().into()), kind.resource.clone());
            if kind.namespaced {
                kinds.namespaced.insert(kind.resource.clone());
            }
        }
        kinds
    }

    /// The collection of `kind` in `api_version` (`v1`, `apps/v1`), when it is known.
    pub(super) fn collection(&self, api_version: &str, kind: &str) -> Option<&ResourceRef> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        self.by_name.get(&(group.into(), kind.into()))
    }

    /// Where objects that lie in namespaces are.
    pub(super) fn namespaced(&self) -> impl Iterator<Item = &ResourceRef> {
        self.namespaced.iter()
    }

    /// Where objects are that may own others or be owned; events are neither.
    pub(super) fn owning(&self) -> HashSet<ResourceRef> {
        self.by_name.values().filter(|resource| **resource != EVENTS).cloned().collect()
    }

    /// Learns the kind that a CustomResourceDefinition defines, once it is served; gives its collection when it is new.
    pub(super) fn learn(&mut self, registry: &Registry, definition: &Object) -> Option<ResourceRef> {
        let known = registry.kinds();
        let kind = known.defined_by(&definition.meta.name)?;
        if kind.namespaced {
            self.namespaced.insert(kind.resource.clone());
        }
        let name = (kind.group.as_str().into(), kind.kind.as_str().into());
        self.by_name.insert(name, kind.resource.clone()).is_none().then(|| kind.resource.clone())
    }
}
