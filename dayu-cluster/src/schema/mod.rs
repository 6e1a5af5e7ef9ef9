//! What is known of the form of objects, and what follows from it: which fields there are, what they are by default,
//! what is wrong with them.
//!
//! A schema is a tree of [`Node`]s, the same for kinds of CustomResourceDefinitions (compiled from their
//! `openAPIV3Schema`) and for built-in ones ([`builtin`], from their types), so that whoever walks along a schema, above
//! all server-side apply, knows one form only.

mod asked;
mod assert;
pub mod builtin;
mod cause;
mod compile;
mod default;
mod format;
mod limits;
mod node;
mod path;
mod prune;
mod rules;
mod structural;
#[cfg(test)]
mod tests;
mod undefined;
mod validate;

pub use cause::Cause;
pub use limits::{Assertion, BadPattern, Bound, Limits};
pub use node::{Array, Key, Kind, List, Node, Object, Others};
pub(crate) use path::Path;
pub use structural::Structural;
