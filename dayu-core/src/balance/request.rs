//! What a caller wants.
use std::net::IpAddr;

use super::SpillAt;
use crate::name::{Device, ServiceKey};

/// Where a request may go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// To any device.
    #[default]
    Any,
    /// To this device or none: with nothing usable there, the request is refused at once.
    Strict(Device),
    /// To this device as long as its endpoints have fewer than so many requests in flight each; then to any, until for two
    /// seconds all that is in flight to the Service's port would have made no more than half of that on the device.
    ///
    /// What is in flight is what this process sent. All who prefer a device share one state, so let them name one mark, or leave
    /// it to the Service.
    Prefer {
        /// The device.
        device: Device,
        /// From how many on others are used too. Unless it is said, the [Service](super::Balancing::spill_at) says it; unless
        /// that does, never.
        spill_at: Option<SpillAt>,
    },
}

/// One request for an endpoint.
///
/// ```
/// use dayu_core::{balance::{Request, SpillAt, Target, hash}, name::{Device, ServiceKey}};
///
/// let detector = ServiceKey::new("shop", "detector");
/// let request = Request::to(detector, 9000).on(Device::from("edge1")).keyed(hash::bytes(b"camera-7"));
/// assert_eq!(request.target, Target::Strict("edge1".into()));
/// assert_eq!(request.preferring("edge2".into(), SpillAt::in_flight(8)).device().map(Device::as_str), Some("edge2"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The Service.
    pub service: ServiceKey,
    /// Its port, by number.
    pub port: u16,
    /// Where it may go.
    pub target: Target,
    /// Requests of one key go to one endpoint, as long as it is there and not overloaded.
    pub key: Option<u64>,
    /// Who asks: what a Service with client affinity goes by.
    pub client: Option<IpAddr>,
}

impl Request {
    /// A request to `service`, on any device.
    #[must_use]
    pub fn to(service: ServiceKey, port: u16) -> Self {
        Self { service, port, target: Target::Any, key: None, client: None }
    }

    /// The same, strictly on `device`.
    #[must_use]
    pub fn on(self, device: Device) -> Self {
        Self { target: Target::Strict(device), ..self }
    }

    /// The same, on `device` if it can, else on any (see [`Target::Prefer`]); with `None`, the Service says when.
    #[must_use]
    pub fn preferring(self, device: Device, spill_at: impl Into<Option<SpillAt>>) -> Self {
        Self { target: Target::Prefer { device, spill_at: spill_at.into() }, ..self }
    }

    /// The same, by key: one of [`hash::bytes`](super::hash::bytes), or any number that spreads as well.
    #[must_use]
    pub fn keyed(self, key: u64) -> Self {
        Self { key: Some(key), ..self }
    }

    /// The same, from `client`.
    #[must_use]
    pub fn from_client(self, client: IpAddr) -> Self {
        Self { client: Some(client), ..self }
    }

    /// The device that is meant, strictly or not.
    #[must_use]
    pub fn device(&self) -> Option<&Device> {
        match &self.target {
            Target::Any => None,
            Target::Strict(device) | Target::Prefer { device, .. } => Some(device),
        }
    }
}
