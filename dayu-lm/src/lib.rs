//! dayu-lm
pub mod link;
