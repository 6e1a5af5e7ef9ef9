//! Drivers that run workers.
pub mod process;
