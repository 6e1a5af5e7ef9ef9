//! The patches that Kubernetes knows, and who owns which field.
//!
//! * [`json`]: JSON patch and JSON merge patch.
//! * [`strategic`]: strategic merge patch, which knows the lists of built-in kinds.
//! * [`mod@apply`]: server-side apply; [`managed`] keeps for every manager the [`fields`] that it owns, for every way to
//!   write.

pub mod apply;
mod combine;
mod compare;
pub mod fields;
pub mod json;
pub mod managed;
mod merge;
mod prune;
pub mod strategic;
#[cfg(test)]
mod tests;
mod typed;

pub use apply::{ApplyError, Conflict, apply, create};
pub use managed::{Part, Writer, update};
