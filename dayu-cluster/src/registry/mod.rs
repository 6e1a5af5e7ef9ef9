//! Which kinds are served: the built-in ones and those of stored CustomResourceDefinitions.

mod builtin;
mod convert;
mod custom;
mod kind;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use serde_json::Value;

pub use kind::{Custom, Kind, Origin, Scale};

/// All served kinds; clones share them.
#[derive(Clone, Debug)]
pub struct Registry {
    kinds: Arc<RwLock<Arc<Kinds>>>,
}

/// The served kinds at one moment.
#[derive(Debug, Clone, Default)]
pub struct Kinds {
    /// In the order in which they are discovered: built-in ones first, then by definition.
    builtin: Arc<Vec<Arc<Kind>>>,
    /// By the name of the definition.
    custom: BTreeMap<String, Vec<Arc<Kind>>>,
    /// Rises with every change: what was derived from older kinds is stale.
    pub revision: u64,
}

impl Registry {
    /// The built-in kinds only.
    pub fn new() -> Self {
        let builtin = Arc::new(builtin::kinds().map(Arc::new).collect());
        Self { kinds: Arc::new(RwLock::new(Arc::new(Kinds { builtin, ..Kinds::default() }))) }
    }

    /// The kinds as they are now; they stay so in the hands of the caller.
    pub fn kinds(&self) -> Arc<Kinds> {
        self.kinds.read().clone()
    }

    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Kind>> {
        self.kinds.read().find(group, version, plural).cloned()
    }

    /// Takes over a stored CustomResourceDefinition, new or changed.
    pub fn define(&self, definition: &Value) {
        let name = definition["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let defined = custom::kinds(definition).into_iter().map(Arc::new).collect();
        self.change(|kinds| {
            kinds.custom.insert(name, defined);
        });
    }

    /// Forgets a removed CustomResourceDefinition.
    pub fn undefine(&self, name: &str) {
        self.change(|kinds| {
            kinds.custom.remove(name);
        });
    }

    fn change(&self, change: impl FnOnce(&mut Kinds)) {
        let mut current = self.kinds.write();
        let mut next = Kinds::clone(&current);
        change(&mut next);
        next.revision += 1;
        *current = Arc::new(next);
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Kinds {
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.builtin.iter().chain(self.custom.values().flatten())
    }

    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Kind>> {
        self.iter().find(|kind| kind.plural() == plural && kind.version == version && kind.group == group)
    }

    /// The kind an owner reference or a `kind:` field names.
    pub fn by_kind(&self, api_version: &str, kind: &str) -> Option<&Arc<Kind>> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        self.iter().find(|known| known.kind == kind && known.version == version && known.group == group)
    }
}
