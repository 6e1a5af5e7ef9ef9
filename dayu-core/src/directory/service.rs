//! A Service as requests see it.
use std::{net::IpAddr, sync::Arc};

use super::{EndpointSet, ServiceRecord};
use crate::{
    balance::Balancing,
    name::{ServiceKey, Uid},
};

/// One incarnation of a Service with its endpoints.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Service {
    /// Namespace and name.
    pub key: ServiceKey,
    /// UID of this incarnation.
    pub uid: Uid,
    /// Cluster addresses; empty for headless Services.
    pub addresses: Vec<IpAddr>,
    /// The name of another host that it stands for, in lower case and without the last dot.
    pub alias: Option<Arc<str>>,
    /// The ready endpoints of a Service without addresses, by name; none of one that has any.
    pub hosts: Arc<[Host]>,
    /// Its ports, as the Service lists them.
    pub ports: Vec<Port>,
    /// Whether one client goes to one endpoint (`sessionAffinity: ClientIP`).
    pub affine: bool,
    /// What it says of how requests to it are balanced.
    pub balancing: Balancing,
    /// Whether requests may pass.
    pub gate: Gate,
    /// All that was said of it.
    pub record: Arc<ServiceRecord>,
}

/// An endpoint as names tell of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Host {
    /// Its name within the Service; of one that nobody named, it is its address with `-` in place of `.` and `:`.
    pub name: Arc<str>,
    /// Where it is.
    pub address: IpAddr,
}

/// One port.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Port {
    /// Its name; empty when the only port has none.
    pub name: Arc<str>,
    /// The number that callers use.
    pub number: u16,
    /// The port on every device's own address, if any.
    pub node_port: Option<u16>,
    /// Whether it is a TCP port; others are not carried.
    pub tcp: bool,
    /// Who serves it.
    pub endpoints: EndpointSet,
}

/// Whether requests to a Service may pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Not managed: any endpoint will do.
    Open,
    /// Managed, and exactly this incarnation has been applied.
    Applied,
    /// Managed, and not applied, for this reason.
    Closed(Arc<str>),
}

impl Service {
    /// Whether its routes are managed.
    #[must_use]
    pub fn is_managed(&self) -> bool {
        self.gate != Gate::Open
    }

    /// Position of the port with this number.
    #[must_use]
    pub fn port(&self, number: u16) -> Option<usize> {
        self.ports.iter().position(|port| port.number == number)
    }
}
