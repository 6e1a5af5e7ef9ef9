//! Incarnation-exact routes: a managed Service may be reached only when exactly this Service, with exactly these pods, has
//! been applied by the listener of this device.
//!
//! Everything here fails closed: a managed Service that is not known to be valid **and** applied **and** synced is refused,
//! whatever else is known. [`Routes`] is pure; the [`Directory`](crate::directory::Directory) owns one and publishes what
//! follows as a [`Gate`](crate::directory::Gate).
mod check;
mod report;
mod routes;
#[cfg(test)]
mod tests;

pub use report::{Phase, Report, Route, RouteView, SourceState};
pub use routes::{Portal, Routes};

/// The label that says that a Service's routes are managed.
pub const MANAGED: &str = "dayu.io/mesh-managed";
/// The annotation with the device that a managed Service is for.
pub const TARGET_NODE: &str = "dayu.io/target-node";
/// The annotation with the logical service behind a managed one.
pub const LOGICAL_SERVICE: &str = "dayu.io/logical-service";
/// The six labels that identify a managed Service; its endpoints carry the same.
pub const LABELS: [&str; 6] = [
    MANAGED,
    "dayu.io/install-id",
    "dayu.io/deployment-revision",
    "dayu.io/runtime-id",
    "dayu.io/component",
    "dayu.io/runtime-service-uid",
];
