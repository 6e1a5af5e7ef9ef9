//! The global manager against real sockets and the embedded API, and on Kubernetes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
mod admission;
mod adversity;
mod link;
mod manager;
mod offline;
mod reconcile;
mod renewal;
mod site;
mod status;
