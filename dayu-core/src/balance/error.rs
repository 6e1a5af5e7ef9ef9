//! Refusals, each with a reason that machines can count and a sentence that says what to do.
use std::net::SocketAddr;

use tower::BoxError;

use crate::name::{Device, ServiceKey};

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// No such Service.
    NoSuchService,
    /// The Service has no such port.
    NoSuchPort,
    /// No such device.
    NoSuchDevice,
    /// The Service has no endpoint at all.
    NoEndpoint,
    /// It has endpoints, but none on that device.
    NoEndpointOnDevice,
    /// There are endpoints, but none is ready.
    NotReady,
    /// The Service is managed, and its exact route is not applied.
    RouteNotApplied,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why, for machines.
    pub reason: Reason,
    /// Which Service.
    pub service: ServiceKey,
    /// Which port.
    pub port: u16,
    /// Which device.
    pub device: Option<Device>,
    /// What more is known, such as why a route is not applied.
    pub detail: String,
}

/// A request that got no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Refused before anything was tried.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Endpoints were tried and none could be reached.
    #[error(
        "{service} port {port}: none of {attempts} endpoint(s) could be reached, last {address}: {source}; is the worker listening there?"
    )]
    Unreachable {
        /// Which Service.
        service: ServiceKey,
        /// Which port.
        port: u16,
        /// How many were tried.
        attempts: usize,
        /// The last one tried.
        address: SocketAddr,
        /// Why it could not be.
        source: BoxError,
    },
}

impl Reason {
    /// The reason as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoSuchService => "NoSuchService",
            Self::NoSuchPort => "NoSuchPort",
            Self::NoSuchDevice => "NoSuchDevice",
            Self::NoEndpoint => "NoEndpoint",
            Self::NoEndpointOnDevice => "NoEndpointOnDevice",
            Self::NotReady => "NotReady",
            Self::RouteNotApplied => "RouteNotApplied",
        }
    }
}

impl Error {
    /// The reason as text, for counters and headers.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Refused(refused) => refused.reason.as_str(),
            Self::Unreachable { .. } => "Unreachable",
        }
    }
}

impl std::error::Error for Refused {}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { reason, service, port, device, detail } = self;
        let device = device.as_ref().map(Device::as_str).unwrap_or("any device");
        match reason {
            Reason::NoSuchService => write!(f, "no Service {service} is known here; `dayu get services` lists them"),
            Reason::NoSuchPort => write!(f, "Service {service} has no TCP port {port}; it has {detail}"),
            Reason::NoSuchDevice => write!(f, "no device {device} is known here; `dayu get nodes` lists them"),
            Reason::NoEndpoint => write!(f, "Service {service} has no endpoint; do its workers run?"),
            Reason::NoEndpointOnDevice => {
                write!(
                    f,
                    "Service {service} has no endpoint on {device}; it has some on {detail}; place a worker there or name another"
                )
            }
            Reason::NotReady => {
                write!(f, "no endpoint of Service {service} on {device} is ready; `dayu get pods` says why")
            }
            Reason::RouteNotApplied => write!(f, "the route of managed Service {service} is not applied: {detail}"),
        }
    }
}
