//! The local manager on the embedded API, with real processes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
mod adoption;
mod pods;
mod process;
mod site;
mod status;
