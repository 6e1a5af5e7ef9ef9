//! What the engine asks of devices: to confirm exactly one incarnation of a route.
use crate::name::{Device, Revision, Uid};

/// A route that a device is to confirm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivationDemand {
    /// The device that is asked.
    pub device: Device,
    /// Namespace of the resource.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub resource: Uid,
    /// UID of its Service; empty in a withdrawal that knows none.
    pub service: Uid,
    /// UID of the pod behind the endpoint; likewise.
    pub pod: Uid,
    /// The revision that the route must carry.
    pub revision: Revision,
}

/// What the engine wants from a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Confirm this route once your mesh has applied exactly it.
    Confirm(ActivationDemand),
    /// Do not bother any more: the resource is going.
    Withdraw(ActivationDemand),
}
