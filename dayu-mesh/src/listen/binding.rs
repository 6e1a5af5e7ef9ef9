//! What a listener is for.
use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use dayu_core::{
    directory::Service,
    name::{Device, ServiceKey, Uid},
};

use super::Sharing;

/// What connections to a listener mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    pub(crate) service: ServiceKey,
    /// A Service that was replaced by one of the same name has another UID, and another binding.
    pub(crate) uid: Uid,
    /// The Service's port.
    pub(crate) port: u16,
    pub(crate) reach: Reach,
    pub(crate) sharing: Sharing,
    /// The device's own address, where that which is listened on is made another of the machine's.
    pub(crate) beside: Option<IpAddr>,
}

/// Where the endpoints of a binding may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// On this device, strictly: the address of the device is part of what was asked.
    Device,
    /// On the device that the address stands for, strictly.
    On(Device),
    /// On this device rather than on another.
    Cluster,
    /// The one endpoint of a managed Service's applied route.
    Route,
}

impl Reach {
    /// Where the endpoints of `service` may be to those who name no device.
    pub(crate) fn of(service: &Service) -> Self {
        if service.is_managed() { Self::Route } else { Self::Cluster }
    }
}

/// Why `binding` cannot listen on `address`, and what to do.
pub(super) fn explain(binding: &Binding, address: SocketAddr, error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another process holds it (`ss -ltnp` says which): stop that, or give the Service another port; it is tried again"
        }
        io::ErrorKind::AddrNotAvailable => {
            "the address is not one of this machine, and to make it one needs CAP_NET_ADMIN; until then clients reach the Service by name"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need CAP_NET_BIND_SERVICE; until then clients reach the Service by name"
        }
        _ => "it is tried again",
    };
    format!("Service {} port {} cannot listen on {address}: {error}; {remedy}", binding.service, binding.port)
}
