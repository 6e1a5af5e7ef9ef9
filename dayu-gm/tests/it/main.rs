//! The global manager against real sockets and the embedded API.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
mod admission;
mod link;
mod manager;
mod reconcile;
mod renewal;
mod status;
