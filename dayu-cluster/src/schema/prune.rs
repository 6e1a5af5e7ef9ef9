//! Removing fields that a schema does not know.

use serde_json::Value;

use super::node::{Kind, Node};
use super::path::Path;

/// What an embedded object has beside its schema.
const TYPE_META: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Removes unknown fields below `value`; their paths are appended to `unknown`.
pub(super) fn prune(node: &Node, value: &mut Value, path: &str, unknown: &mut Vec<String>) {
    walk(node, value, false, Path::Root(path), unknown);
}

fn walk(node: &Node, value: &mut Value, preserve: bool, path: Path<'_>, unknown: &mut Vec<String>) {
    // Once unknown fields are kept, only a part with fields of its own is strict again.
    let has_fields = node.as_object().is_some_and(|object| !object.fields.is_empty());
    let preserve = node.preserve_unknown || (preserve && !has_fields);
    match value {
        Value::Object(fields) => {
            let known = |name: &str| node.field(name).is_some() || (node.embedded && TYPE_META.contains(&name));
            let strict = !preserve && matches!(node.kind, Kind::Object(_));
            if strict && !fields.keys().all(|name| known(name)) {
                fields.retain(|name, _| {
                    let known = known(name);
                    if !known {
                        unknown.push(path.field(name).to_string());
                    }
                    known
                });
            }
            for (name, value) in fields {
                if let Some((field, _)) = node.field(name) {
                    walk(field, value, preserve, path.field(name), unknown);
                }
            }
        }
        Value::Array(items) => {
            let Some(item) = node.items() else { return };
            for (index, value) in items.iter_mut().enumerate() {
                walk(item, value, preserve, path.item(index), unknown);
            }
        }
        _ => {}
    }
}
