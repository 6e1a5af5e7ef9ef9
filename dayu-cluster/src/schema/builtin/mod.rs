//! The kinds that Kubernetes brings along: their schemas, defaults and demands.
//!
//! Schemas are those that Kubernetes publishes, each read when it is first needed.

mod default;
mod known;
mod lists;
mod markers;
pub(crate) mod openapi;
mod read;
mod validate;

use std::sync::Arc;

use serde_json::Value;

use super::{Cause, Node, prune};

pub use default::default;
pub(crate) use default::{complete, drop_dependent, forget_nulls};
pub(crate) use known::{definition_name, definitions};
pub(crate) use validate::{is_dns1035_label, is_label_key, is_label_value};
pub use validate::{validate, validate_metadata, validate_name};

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

/// What resources are asked for is counted: `resources.limits` and `resources.requests`, wherever containers are.
fn quantities(value: &Value, causes: &mut Vec<Cause>) {
    let fields = value.as_object().into_iter().flatten();
    for (_, below) in fields.clone().filter(|(name, _)| matches!(name.as_str(), "spec" | "template" | "jobTemplate")) {
        quantities(below, causes);
    }
    let containers = fields.filter(|(name, _)| matches!(name.as_str(), "containers" | "initContainers"));
    for container in containers.flat_map(|(_, list)| list.as_array().into_iter().flatten()) {
        let amounts = ["limits", "requests"].iter().flat_map(|kind| container["resources"][*kind].as_object());
        if amounts.flatten().any(|(_, amount)| validate::quantity(amount).is_none()) {
            let why = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
            causes.push(Cause::new("FieldValueTypeInvalid", "", why));
        }
    }
}

/// Removes empty lists and maps, which Go does not write unless a field always is.
pub(crate) fn omit_empty(node: &Node, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let mut any = false;
            for (name, value) in fields.iter_mut() {
                let Some((node, known)) = node.field(name) else { continue };
                omit_empty(node, value);
                any |= known && !node.always_present && is_empty(node, value);
            }
            if any {
                let stays = |(node, known): (&Arc<Node>, bool), value: &Value| {
                    !known || node.always_present || !is_empty(node, value)
                };
                fields.retain(|name, value| node.field(name).is_none_or(|field| stays(field, value)));
            }
        }
        Value::Array(items) => {
            let Some(node) = node.items() else { return };
            items.iter_mut().for_each(|item| omit_empty(node, item));
        }
        _ => {}
    }
}

fn is_empty(node: &Node, value: &Value) -> bool {
    let is_map = || node.as_object().is_some_and(|object| object.fields.is_empty());
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty() && is_map(),
        _ => false,
    }
}

/// Values that cannot be decoded: of the wrong type, or no quantity where one must be. Those of `old` could be.
pub fn check_types(node: &Node, value: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = super::validate::validate(node, value, old, "");
    quantities(value, &mut causes);
    // A key twice in a list is a matter of each kind's own validation: environment names may repeat, container names not.
    causes.retain(|cause| cause.reason != "FieldValueDuplicate");
    causes
}
