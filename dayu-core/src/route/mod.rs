//! Incarnation-exact routes: a managed Service may be reached only when exactly this Service, with exactly these pods, has
//! been applied by the listener of this device.
//!
//! Everything here fails closed: a managed Service that is not known to be valid **and** applied is refused, and so is each
//! while the source has told nothing yet and nothing is known from an earlier time. [`Routes`] is pure; the [`Directory`](crate::directory::Directory) owns one and publishes what
//! follows as a [`Gate`](crate::directory::Gate).
mod check;
mod report;
mod routes;
#[cfg(test)]
mod tests;

pub use report::{Phase, Report, Route, RouteView, SourceState};
pub use routes::{Portal, Routes};

use crate::api::label;

/// The six labels that identify a managed Service; its endpoints carry the same.
pub const LABELS: [&str; 6] = [
    label::MESH_MANAGED,
    label::INSTALL_ID,
    label::DEPLOYMENT_REVISION,
    label::RUNTIME_ID,
    label::COMPONENT,
    label::RUNTIME_SERVICE_UID,
];
