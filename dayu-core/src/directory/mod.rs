//! Who runs what where: versioned, immutable snapshots of Services, their endpoints by device, and the devices.
//!
//! A [`Directory`] is fed with [`Change`]s from any [`Source`] and publishes a [`Snapshot`] for each. A change costs what it
//! touches: the one Service is rebuilt, everything else is shared with the snapshot before. Readers take a snapshot without
//! a lock and keep it as long as they like.
//!
//! ```
//! use dayu_core::directory::{Change, DeviceRecord, Directory};
//!
//! let directory = Directory::new();
//! directory.apply(Change::Device(DeviceRecord { version: 7, addresses: vec!["127.64.1.1".parse()?], ..DeviceRecord::new("edge1") }));
//! assert!(directory.snapshot().device("edge1").is_some_and(|device| device.ready));
//! # Ok::<(), std::net::AddrParseError>(())
//! ```
mod by_hand;
mod claims;
mod endpoints;
mod from_k8s;
mod name;
mod place;
mod record;
mod records;
mod relist;
mod service;
mod sharded;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;

use arc_swap::ArcSwap;
use futures::stream::BoxStream;
use jiff::Timestamp;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::watch;

pub(crate) use endpoints::Slot;
pub use endpoints::{Endpoint, EndpointSet};
pub use name::{NameError, Named};
pub use record::{Change, DeviceRecord, EndpointRecord, Identity, PodRef, PortRecord, ServiceRecord, SliceRecord};
pub use records::Records;
pub use relist::Suspicion;
pub use service::{Gate, Host, Port, Service};
pub use snapshot::Snapshot;

use self::state::State;
use crate::route::{Portal, Report, RouteView};

/// Where changes come from: an API server, KubeEdge's local cache, a file, a test.
///
/// ```
/// use dayu_core::{directory::{Change, Directory, ServiceRecord, Source}, name::ServiceKey};
/// use futures::{StreamExt, stream, stream::BoxStream};
///
/// /// One Service, and never another.
/// struct Fixed(ServiceKey);
///
/// impl Source for Fixed {
///     fn changes(self: Box<Self>) -> BoxStream<'static, Change> {
///         let present = [ServiceRecord::new(self.0).port(9000).into(), Change::Synced];
///         stream::iter(present).chain(stream::pending()).boxed()
///     }
/// }
///
/// # futures::executor::block_on(async {
/// let (directory, detector) = (Directory::new(), ServiceKey::new("shop", "detector"));
/// let mut changes = Box::new(Fixed(detector.clone())).changes();
/// while !directory.snapshot().is_synced() {
///     directory.apply(changes.next().await.expect("it never ends"));
/// }
/// assert!(directory.snapshot().service(&detector).is_some());
/// # });
/// ```
#[cfg_attr(feature = "test-util", mockall::automock)]
pub trait Source: Send {
    /// Changes, from the present state on; [`Change::Synced`] once the present state is complete.
    fn changes(self: Box<Self>) -> BoxStream<'static, Change>;

    /// The same for who knows `known` from an earlier time: that first and [`Change::Recalled`], then changes from there on. By
    /// [`Change::Synced`] it has told, too, what of it is gone. Unless a source can do so it recalls nothing.
    fn changes_from(self: Box<Self>, known: Records) -> BoxStream<'static, Change> {
        drop(known);
        self.changes()
    }
}

/// The one table that everything on a device reads. Writers take a lock, readers do not.
#[derive(Debug)]
pub struct Directory {
    state: Mutex<State>,
    published: ArcSwap<Snapshot>,
    versions: watch::Sender<u64>,
}

impl Default for Directory {
    fn default() -> Self {
        Self::new()
    }
}

impl Directory {
    /// An empty directory of version 0, not yet synced.
    #[must_use]
    pub fn new() -> Self {
        let state = State::default();
        Self {
            published: ArcSwap::from_pointee(state.snapshot()),
            versions: watch::Sender::new(0),
            state: Mutex::new(state),
        }
    }

    /// Takes a change, publishes a snapshot if it made a difference, and says whether it did.
    ///
    /// An older version of an object never replaces a newer one, and a deletion of an earlier incarnation does nothing.
    pub fn apply(&self, change: Change) -> bool {
        self.apply_at(change, Timestamp::UNIX_EPOCH)
    }

    /// As [`Directory::apply`], telling when: routes carry the time of their last change.
    pub fn apply_at(&self, change: Change, now: Timestamp) -> bool {
        let mut state = self.state.lock();
        let changed = state.apply(change, now);
        if changed {
            self.publish(&state);
        }
        changed
    }

    /// Tells what became of the listener of a managed Service's port; gives the routes that changed by it.
    pub fn portal(&self, service: &crate::name::Uid, port: &str, portal: Portal, now: Timestamp) -> Vec<RouteView> {
        let mut state = self.state.lock();
        let changed = state.portal(service, port, portal, now);
        if !changed.is_empty() {
            self.publish(&state);
        }
        changed
    }

    /// The newest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.published.load_full()
    }

    /// Everything as it was told last. Costs a reference for each Service and slice.
    #[must_use]
    pub fn records(&self) -> Records {
        self.state.lock().records()
    }

    /// Runs `read` on the newest snapshot without counting a reference: the way for the pick path.
    pub fn with<T>(&self, read: impl FnOnce(&Snapshot) -> T) -> T {
        read(&self.published.load())
    }

    /// Versions as they are published; the receiver sees the newest only.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.versions.subscribe()
    }

    /// All routes of managed Services, as the status API tells them.
    #[must_use]
    pub fn routes(&self) -> Report {
        self.state.lock().routes().report()
    }

    /// The route of one managed Service.
    #[must_use]
    pub fn route(&self, service: &crate::name::Uid) -> Option<RouteView> {
        self.state.lock().routes().view(service)
    }

    fn publish(&self, state: &State) {
        let snapshot = state.snapshot();
        let version = snapshot.version();
        self.published.store(Arc::new(snapshot));
        self.versions.send_replace(version);
    }
}
