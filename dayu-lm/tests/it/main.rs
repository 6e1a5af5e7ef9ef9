//! The local manager on the embedded API, with real processes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]
mod adoption;
mod full_disk;
mod pods;
mod probes;
mod process;
mod site;
mod status;
