//! The mesh's listeners: which there should be, which there are, and what keeps the others from being.
mod accept;
pub(crate) mod binding;
pub(crate) mod desired;
mod diff;
mod door;
mod home;
mod named;
mod netlink;
mod socket;

use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc};

use dayu_core::name::ServiceKey;
use tokio::net::TcpStream;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::AbortOnDropHandle,
};

pub(crate) use accept::{accept, accept_local};
pub(crate) use binding::Binding;
use diff::{Action, diff};
pub(crate) use door::{Door, Gate, Permit};
pub(crate) use home::Home;
use home::Homes;
pub(crate) use named::Named;
pub(crate) use socket::{Sharing, bind, bind_local};

/// Takes over an accepted connection for `Binding`; it is closed when the token is cancelled.
pub(crate) type Serve = Arc<dyn Fn(Arc<Binding>, TcpStream, Permit, CancellationToken) + Send + Sync>;

/// A listener that should be and is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) address: SocketAddr,
    pub(crate) binding: Arc<Binding>,
    pub(crate) reason: String,
}

/// All listeners of Services, by Service.
pub(crate) struct Listeners {
    open: BTreeMap<ServiceKey, BTreeMap<SocketAddr, Open>>,
    failed: BTreeMap<SocketAddr, Failure>,
    homes: Homes,
    gate: Gate,
    serve: Serve,
}

/// One open listener. Dropping it stops listening and closes what it accepted.
struct Open {
    binding: Arc<Binding>,
    _connections: DropGuard,
    accepting: AbortOnDropHandle<()>,
    _home: Option<Arc<Home>>,
}

impl Listeners {
    /// None yet. `gate` bounds the connections of all, which `serve` takes over.
    pub(crate) fn new(gate: Gate, serve: Serve) -> Self {
        Self { open: BTreeMap::new(), failed: BTreeMap::new(), homes: Homes::default(), gate, serve }
    }

    /// Opens and closes listeners of `service` until they are as `desired`. What cannot be opened is a [`Failure`]. Whether an
    /// address became free that another Service has a claim to.
    pub(crate) async fn set(&mut self, service: &ServiceKey, desired: &BTreeMap<SocketAddr, Arc<Binding>>) -> bool {
        self.failed.retain(|address, failure| {
            failure.binding.service != *service || desired.get(address) == Some(&failure.binding)
        });
        let open = self.open.get(service);
        let current = open.into_iter().flatten().map(|(address, open)| (*address, Arc::clone(&open.binding))).collect();
        let mut is_free = false;
        for action in diff(&current, desired) {
            match action {
                Action::Close(address) => {
                    self.close(service, address).await;
                    is_free |= self.failed.contains_key(&address);
                }
                Action::Open(address, binding) => self.try_open(address, binding),
            }
        }
        is_free
    }

    /// Removes what a mesh of this device that was killed has left in the kernel, and nobody wants any more.
    pub(crate) fn sweep(&self) {
        if let Err(error) = home::sweep(&self.homes) {
            tracing::debug!("whether a mesh before has left addresses is not known: {error}");
        }
    }

    /// Takes no new connection; those that are there go on.
    pub(crate) async fn refuse(&mut self) {
        for open in self.open.values_mut().flat_map(BTreeMap::values_mut) {
            open.accepting.abort();
            let _ = (&mut open.accepting).await;
        }
    }

    /// Tries again what could not be opened before. Whether anything could be now.
    pub(crate) fn retry(&mut self) -> bool {
        let before = self.failed.len();
        for failure in self.failed.values().cloned().collect::<Vec<_>>() {
            self.try_open(failure.address, failure.binding);
        }
        self.failed.len() < before
    }

    /// Whether `address` is listened on for exactly `binding`.
    pub(crate) fn is_open_as(&self, address: SocketAddr, binding: &Arc<Binding>) -> bool {
        self.open.get(&binding.service).and_then(|open| open.get(&address)).is_some_and(|open| open.binding == *binding)
    }

    /// What should listen and does not.
    pub(crate) fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.failed.values()
    }

    /// Returns when the address is free again.
    async fn close(&mut self, service: &ServiceKey, address: SocketAddr) {
        let Some(open) = self.open.get_mut(service) else { return };
        let closed = open.remove(&address);
        if open.is_empty() {
            self.open.remove(service);
        }
        if let Some(Open { accepting, .. }) = closed {
            accepting.abort();
            let _ = accepting.await;
        }
    }

    fn try_open(&mut self, address: SocketAddr, binding: Arc<Binding>) {
        // Where it cannot be made the machine's, it may be nevertheless: binding tells.
        let home = binding.beside.and_then(|own| self.homes.of(address.ip(), own).ok());
        match bind(address, binding.sharing) {
            Ok(listener) => {
                self.failed.remove(&address);
                let connections = CancellationToken::new();
                let (serve, token, of) = (Arc::clone(&self.serve), connections.clone(), Arc::clone(&binding));
                let serve = move |stream, permit| serve(Arc::clone(&of), stream, permit, token.child_token());
                let door = self.gate.door(format!("Service {} port {} on {address}", binding.service, binding.port));
                let accepting = tokio::spawn(accept(listener, door, serve));
                let open = Open {
                    binding: Arc::clone(&binding),
                    _connections: connections.drop_guard(),
                    accepting: AbortOnDropHandle::new(accepting),
                    _home: home,
                };
                self.open.entry(binding.service.clone()).or_default().insert(address, open);
            }
            Err(error) => {
                let reason = binding::explain(&binding, address, &error);
                self.report(Failure { address, reason, binding }, error.kind());
            }
        }
    }

    /// Logs a failure once, however often it is tried again. What this user may not is no news to whoever chose the user.
    fn report(&mut self, failure: Failure, kind: io::ErrorKind) {
        if self.failed.get(&failure.address) != Some(&failure) {
            match kind {
                io::ErrorKind::PermissionDenied => tracing::info!("{}", failure.reason),
                _ => tracing::warn!("{}", failure.reason),
            }
            self.failed.insert(failure.address, failure);
        }
    }
}
