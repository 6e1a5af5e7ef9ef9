//! What a caller wants.
use std::net::IpAddr;

use crate::name::{Device, ServiceKey};

/// How strictly the named device is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// That device or none: with nothing usable there, the request is refused at once.
    #[default]
    Strict,
    /// That device as long as its endpoints have fewer than so many requests in flight each; then any, until for two seconds
    /// all that is in flight to the Service's port would have made no more than half of that on the device.
    ///
    /// What is in flight is what this process sent. All who prefer a device share one state, so let them name one mark.
    Prefer {
        /// Requests in flight per endpoint from which others are used too; 0 uses them always.
        spill_at: u32,
    },
    /// Any device.
    Any,
}

/// One request for an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The Service.
    pub service: ServiceKey,
    /// Its port, by number.
    pub port: u16,
    /// The device that is meant.
    pub device: Option<Device>,
    /// How strictly.
    pub mode: Mode,
    /// Requests of one key go to one endpoint, as long as it is there and not overloaded.
    pub key: Option<u64>,
    /// Who asks: what a Service with client affinity goes by.
    pub client: Option<IpAddr>,
}

impl Request {
    /// A request to `service`, on any device.
    #[must_use]
    pub fn to(service: ServiceKey, port: u16) -> Self {
        Self { service, port, device: None, mode: Mode::Any, key: None, client: None }
    }

    /// The same, strictly on `device`.
    #[must_use]
    pub fn on(self, device: Device) -> Self {
        Self { device: Some(device), mode: Mode::Strict, ..self }
    }

    /// The same, on `device` if it can, else on any.
    #[must_use]
    pub fn preferring(self, device: Device, spill_at: u32) -> Self {
        Self { device: Some(device), mode: Mode::Prefer { spill_at }, ..self }
    }

    /// The same, by key.
    #[must_use]
    pub fn keyed(self, key: u64) -> Self {
        Self { key: Some(key), ..self }
    }

    /// The same, from `client`.
    #[must_use]
    pub fn from_client(self, client: IpAddr) -> Self {
        Self { client: Some(client), ..self }
    }
}
