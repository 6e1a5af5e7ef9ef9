//! Addresses and node ports of Services, given as they are written.

use parking_lot::Mutex;
use serde_json::Value;

use crate::alloc::{Allocator, Network, Refusal};
use crate::schema::Cause;
use crate::store::{Change, Object, SERVICES, Store, StoreError, Watch};

/// The allocator, kept in step with the Services that go: by request, with their namespace, or with their owner.
#[derive(Debug)]
pub(crate) struct Addresses {
    store: Store,
    network: Network,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    allocator: Allocator,
    deletions: Watch,
}

impl Addresses {
    pub(crate) fn new(network: Network, store: &Store) -> Result<Self, StoreError> {
        let state = Mutex::new(State::read(network.clone(), store)?);
        Ok(Self { store: store.clone(), network, state })
    }

    /// The address by which the API itself is reached as a Service.
    pub(crate) fn api_address(&self) -> std::net::Ipv4Addr {
        self.state.lock().allocator.api_address()
    }

    /// Completes a Service that takes the place of `old`.
    pub(crate) fn assign(&self, old: Option<&Object>, new: &mut Value) -> Result<(), Cause> {
        let mut state = self.state.lock();
        if state.take_back().is_err()
            && let Ok(fresh) = State::read(self.network.clone(), &self.store)
        {
            *state = fresh;
        }
        state.allocator.on_write(old, new).map_err(|refusal| {
            let Refusal { field, value, problem } = refusal;
            Cause::invalid(field, &value, &problem)
        })
    }

    /// Undoes an assignment whose Service was not stored after all.
    pub(crate) fn withdraw(&self, old: Option<&Object>, new: &Value) {
        let Ok(new) = Object::from_json(new.to_string().into()) else { return };
        let state = self.state.lock();
        match old.map(Object::value) {
            Some(Ok(mut old)) => {
                // What the stored Service has was never given away, so it cannot be refused now.
                let _ = state.allocator.on_write(Some(&new), &mut old);
            }
            _ => state.allocator.on_delete(&new),
        }
    }
}

impl State {
    fn read(network: Network, store: &Store) -> Result<Self, StoreError> {
        let deletions = store.watch(&SERVICES, store.version())?;
        Ok(Self { allocator: Allocator::new(network, store), deletions })
    }

    /// Frees what deleted Services had.
    fn take_back(&mut self) -> Result<(), StoreError> {
        loop {
            let events = self.deletions.ready()?;
            if events.is_empty() {
                return Ok(());
            }
            for event in events.iter().filter(|event| event.change == Change::Deleted) {
                self.allocator.on_delete(&event.object);
            }
        }
    }
}
