//! dayu-gm
pub mod link;
