//! The kinds that Kubernetes brings along: their schemas, defaults and demands.
//!
//! Schemas are those that Kubernetes publishes, each read when it is first needed.

mod default;
mod known;
mod lists;
pub(crate) mod openapi;
mod read;
mod validate;

use std::sync::Arc;

use serde_json::Value;

use super::{Cause, Node, prune};

pub use default::default;
pub(crate) use known::{definition_name, definitions};
pub use validate::{validate, validate_name};

/// The schema of a built-in kind; `None` where it is not known.
pub fn node(group: &str, version: &str, kind: &str) -> Option<Arc<Node>> {
    known::definition_name(group, version, kind).map(|name| read::read(&name))
}

/// The schema of `metadata`, the same for every kind.
pub fn object_meta() -> Arc<Node> {
    read::read(openapi::OBJECT_META)
}

/// Removes fields that the schema does not know, and names them.
pub fn prune(node: &Node, value: &mut Value) -> Vec<String> {
    let mut unknown = Vec::new();
    prune::prune(node, value, "", &mut unknown);
    unknown
}

/// Values that cannot be decoded: of the wrong type.
pub fn check_types(node: &Node, value: &Value) -> Vec<Cause> {
    let mut causes = super::validate::validate(node, value, "");
    // A key twice in a list is a matter of each kind's own validation: environment names may repeat, container names not.
    causes.retain(|cause| cause.reason != "FieldValueDuplicate");
    causes
}
