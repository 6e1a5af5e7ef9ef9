//! The global manager against real sockets and the embedded API, and on Kubernetes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
mod admission;
mod adversity;
mod definitions;
mod device;
mod finalizer;
mod kinds;
mod link;
mod lost;
mod manager;
mod offline;
mod reconcile;
mod refused;
mod renewal;
mod site;
mod status;
mod way;
