//! A consistent view of everything, immutable.
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use super::{DeviceRecord, Service, sharded::Sharded};
use crate::{
    name::{Device, ServiceKey},
    route::SourceState,
};

/// What was known at one version. Cheap to clone and to keep.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub(super) version: u64,
    pub(super) source: SourceState,
    pub(super) services: Sharded<ServiceKey, Arc<Service>>,
    /// Those whose traffic is left to somebody else.
    pub(super) left: Sharded<ServiceKey, Arc<Service>>,
    pub(super) addresses: Sharded<IpAddr, ServiceKey>,
    pub(super) node_ports: Sharded<u16, ServiceKey>,
    pub(super) devices: Arc<BTreeMap<Device, DeviceRecord>>,
    /// Addresses that endpoints of several devices have.
    pub(super) shared: Arc<BTreeSet<IpAddr>>,
}

impl Snapshot {
    /// Rises with every change; not kept across restarts.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Whether the source has told everything that was there.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.source == SourceState::Synced
    }

    /// Whether all this was kept from an earlier time, and the source has not told everything since.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.source == SourceState::Stale
    }

    /// A Service by key, if meshes carry its traffic.
    #[must_use]
    pub fn service(&self, key: &ServiceKey) -> Option<&Arc<Service>> {
        self.services.get(key)
    }

    /// A Service by key, whoever carries its traffic: for what only asks for names.
    #[must_use]
    pub fn known(&self, key: &ServiceKey) -> Option<&Arc<Service>> {
        self.services.get(key).or_else(|| self.left.get(key))
    }

    /// All Services whose traffic meshes carry, in no order.
    pub fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.services.values()
    }

    /// All Services, whoever carries their traffic, in no order.
    pub fn all_known(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.services.values().chain(self.left.values())
    }

    /// The Service that has this cluster address.
    #[must_use]
    pub fn by_address(&self, address: IpAddr) -> Option<&Arc<Service>> {
        self.services.get(self.addresses.get(&address)?)
    }

    /// The Service that has this node port, and the position of its port.
    #[must_use]
    pub fn by_node_port(&self, number: u16) -> Option<(&Arc<Service>, usize)> {
        let service = self.services.get(self.node_ports.get(&number)?)?;
        let port = service.ports.iter().position(|port| port.node_port == Some(number))?;
        Some((service, port))
    }

    /// A device by name.
    #[must_use]
    pub fn device(&self, name: &str) -> Option<&DeviceRecord> {
        self.devices.get(name)
    }

    /// All devices, by name.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceRecord> {
        self.devices.values()
    }

    /// The device that has this address.
    #[must_use]
    pub fn device_at(&self, address: IpAddr) -> Option<&DeviceRecord> {
        self.devices.values().find(|device| device.addresses.contains(&address))
    }

    /// Whether endpoints of more than one device have this address, as where each device numbers its pods by itself: who
    /// connects to it reaches one of them, and not surely the one that was meant.
    ///
    /// ```
    /// use dayu_core::{directory::{Directory, EndpointRecord, ServiceRecord, SliceRecord}, name::ServiceKey};
    ///
    /// let detector = ServiceKey::new("shop", "detector");
    /// let address = [172, 17, 0, 2];
    /// let runs = ["edge1", "edge2"].map(|device| EndpointRecord::new(address).on(device));
    /// let directory = Directory::from_iter([SliceRecord::new(&detector, "all", 9000, runs)]);
    /// assert!(directory.snapshot().is_shared(address.into()));
    /// ```
    #[must_use]
    pub fn is_shared(&self, address: IpAddr) -> bool {
        self.shared.contains(&address)
    }
}
