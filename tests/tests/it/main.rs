//! What crosses crates: the parts together, as their users meet them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]
mod concurrency;
mod faults;
mod finalizers;
mod golden;
mod link;
mod mocks;
mod remarks;
mod rights;
