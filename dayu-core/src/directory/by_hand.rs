//! Records written by hand: by a source that knows no versions, a program that embeds the balance stack, a test.
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use super::{Change, DeviceRecord, Directory, EndpointRecord, PortRecord, ServiceRecord, SliceRecord};
use crate::name::{Device, ServiceKey};

impl ServiceRecord {
    /// A Service without ports, of no version, that is its own only incarnation; add to it what there is to say.
    ///
    /// ```
    /// use dayu_core::{directory::ServiceRecord, name::ServiceKey};
    ///
    /// let detector = ServiceRecord::new(ServiceKey::new("shop", "detector")).port(9000);
    /// assert_eq!(detector.ports[0].number, 9000);
    /// ```
    #[must_use]
    pub fn new(key: ServiceKey) -> Self {
        Self {
            uid: key.to_string().into(),
            key,
            version: 0,
            kind: "ClusterIP".into(),
            carried: true,
            alias: None,
            addresses: Vec::new(),
            ports: Vec::new(),
            affinity: None,
            labels: BTreeMap::new(),
            target: None,
            logical_service: Arc::default(),
            balance: None,
            spill: None,
        }
    }

    /// With its only port, unnamed and TCP, the same number for callers and endpoints.
    #[must_use]
    pub fn port(mut self, number: u16) -> Self {
        let (name, protocol) = (Arc::default(), "TCP".into());
        self.ports = vec![PortRecord { name, protocol, number, node_port: None, target: Some(number) }];
        self
    }
}

impl SliceRecord {
    /// Endpoints of `service` that serve its only port, unnamed, at `port` of theirs. Slices of one Service differ in `name`; a
    /// later one of the same name replaces the earlier.
    ///
    /// ```
    /// use dayu_core::{directory::{EndpointRecord, SliceRecord}, name::ServiceKey};
    ///
    /// let detector = ServiceKey::new("shop", "detector");
    /// let endpoints = [EndpointRecord::new([10, 0, 0, 1]).on("edge1"), EndpointRecord::new([10, 0, 0, 2]).on("edge2")];
    /// assert_eq!(SliceRecord::new(&detector, "all", 9000, endpoints).endpoints.len(), 2);
    /// ```
    pub fn new(
        service: &ServiceKey,
        name: impl Into<Arc<str>>,
        port: u16,
        endpoints: impl IntoIterator<Item = EndpointRecord>,
    ) -> Self {
        Self {
            namespace: service.namespace.clone(),
            name: name.into(),
            service: service.name.clone(),
            version: 0,
            labels: BTreeMap::new(),
            ports: vec![(Arc::default(), port)],
            endpoints: endpoints.into_iter().collect(),
        }
    }
}

impl EndpointRecord {
    /// A ready endpoint at `address`, on no device.
    pub fn new(address: impl Into<IpAddr>) -> Self {
        let (address, device, pod, hostname) = (address.into(), None, None, None);
        Self { address, device, pod, hostname, ready: true, serving: true, terminating: false, weight: 1 }
    }

    /// On this device.
    #[must_use]
    pub fn on(mut self, device: impl Into<Device>) -> Self {
        self.device = Some(device.into());
        self
    }
}

impl DeviceRecord {
    /// A ready device of no address and no role, as it is known to those who never call it by one.
    pub fn new(device: impl Into<Device>) -> Self {
        Self { device: device.into(), version: 0, addresses: Vec::new(), ready: true, roles: Vec::new() }
    }
}

impl From<ServiceRecord> for Change {
    fn from(service: ServiceRecord) -> Self {
        Self::Service(service)
    }
}

impl From<SliceRecord> for Change {
    fn from(slice: SliceRecord) -> Self {
        Self::Slice(slice)
    }
}

impl From<DeviceRecord> for Change {
    fn from(device: DeviceRecord) -> Self {
        Self::Device(device)
    }
}

/// A directory that knows these changes and is synced.
///
/// ```
/// use dayu_core::directory::{Directory, DeviceRecord};
///
/// let directory: Directory = ["edge1", "edge2"].map(DeviceRecord::new).into_iter().collect();
/// assert!(directory.snapshot().is_synced() && directory.snapshot().device("edge2").is_some());
/// ```
impl<C: Into<Change>> FromIterator<C> for Directory {
    fn from_iter<I: IntoIterator<Item = C>>(changes: I) -> Self {
        let directory = Self::new();
        for change in changes.into_iter().map(Into::into).chain([Change::Synced]) {
            directory.apply(change);
        }
        directory
    }
}
