//! Which kinds are served: the built-in ones and those of stored CustomResourceDefinitions.

mod builtin;
mod convert;
mod custom;
mod kind;
mod names;
mod retire;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

pub(crate) use kind::{Custom, Kind, Origin, Scale};
pub(crate) use names::settle;
pub(crate) use retire::{CLEANUP, resume, retire};

use crate::store::{CUSTOMRESOURCEDEFINITIONS, Change, Object, Store, StoreError, Watch};

/// All served kinds; clones share them. Derived from the stored definitions, whoever writes those.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    state: Arc<Mutex<State>>,
    store: Store,
}

#[derive(Debug)]
struct State {
    kinds: Arc<Kinds>,
    definitions: Watch,
}

/// The served kinds at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Kinds {
    builtin: Arc<Vec<Arc<Kind>>>,
    /// By the name of the definition.
    custom: BTreeMap<Box<str>, Vec<Arc<Kind>>>,
    /// Rises with every change: what was derived from older kinds is stale.
    pub revision: u64,
}

impl Registry {
    /// The built-in kinds, and those whose definitions the store holds.
    ///
    /// # Errors
    /// Never: the store remembers its own last version.
    pub(crate) fn new(store: &Store) -> Result<Self, StoreError> {
        let state = State::read(store, Arc::new(builtin::kinds().map(Arc::new).collect()), 0)?;
        Ok(Self { state: Arc::new(Mutex::new(state)), store: store.clone() })
    }

    /// The kinds as they are now; they stay so in the hands of the caller.
    pub(crate) fn kinds(&self) -> Arc<Kinds> {
        let mut state = self.state.lock();
        if state.catch_up().is_err()
            && let Ok(fresh) = State::read(&self.store, state.kinds.builtin.clone(), state.kinds.revision + 1)
        {
            *state = fresh;
        }
        state.kinds.clone()
    }

    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Kind>> {
        self.kinds().find(group, version, plural).cloned()
    }
}

impl State {
    fn read(store: &Store, builtin: Arc<Vec<Arc<Kind>>>, revision: u64) -> Result<Self, StoreError> {
        let snapshot = store.list(&CUSTOMRESOURCEDEFINITIONS, None);
        let definitions = store.watch(&CUSTOMRESOURCEDEFINITIONS, snapshot.resource_version)?;
        let custom = snapshot.objects.iter().map(|object| (object.meta.name.clone(), defined(object))).collect();
        Ok(Self { kinds: Arc::new(Kinds { builtin, custom, revision }), definitions })
    }

    fn catch_up(&mut self) -> Result<(), StoreError> {
        while !self.definitions.is_quiet() {
            let events = self.definitions.ready()?;
            let kinds = Arc::make_mut(&mut self.kinds);
            for event in &events {
                let name = event.object.meta.name.clone();
                match event.change {
                    Change::Deleted => kinds.custom.remove(&name),
                    Change::Added | Change::Modified => kinds.custom.insert(name, defined(&event.object)),
                };
            }
            kinds.revision += 1;
        }
        Ok(())
    }
}

fn defined(definition: &Object) -> Vec<Arc<Kind>> {
    let kinds = definition.parse().map(|definition: custom::Definition| definition.kinds());
    kinds.unwrap_or_default().into_iter().map(Arc::new).collect()
}

impl Kinds {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.builtin.iter().chain(self.custom.values().flatten())
    }

    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Kind>> {
        // Few enough that looking at each is faster than any index.
        self.iter().find(|kind| kind.plural() == plural && kind.version == version && kind.group == group)
    }

    /// The kind that the definition of this name defines, in any version; `None` where it is not served.
    pub(crate) fn defined_by(&self, name: &str) -> Option<&Arc<Kind>> {
        self.custom.get(name)?.first()
    }
}

#[cfg(test)]
pub(crate) fn built_in() -> Registry {
    let store = Store::in_memory(Arc::new(crate::System), crate::store::Window::default());
    Registry::new(&store).unwrap()
}
