//! Removing fields that a schema does not know.

use std::fmt::Write;

use serde_json::Value;

use super::node::{Kind, Node};

/// What an embedded object has beside its schema.
const TYPE_META: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Removes unknown fields below `value`; their paths are appended to `unknown`.
pub(super) fn prune(node: &Node, value: &mut Value, path: &str, unknown: &mut Vec<String>) {
    let mut walk = Walk { path: path.to_owned(), unknown };
    walk.node(node, value, false);
}

struct Walk<'a> {
    path: String,
    unknown: &'a mut Vec<String>,
}

impl Walk<'_> {
    fn node(&mut self, node: &Node, value: &mut Value, preserve: bool) {
        // Once unknown fields are kept, only a part with fields of its own is strict again.
        let has_fields = node.as_object().is_some_and(|object| !object.fields.is_empty());
        let preserve = node.preserve_unknown || (preserve && !has_fields);
        match value {
            Value::Object(fields) => {
                let known = |name: &str| node.field(name).is_some() || (node.embedded && TYPE_META.contains(&name));
                if !preserve && matches!(node.kind, Kind::Object(_)) {
                    fields.retain(|name, _| known(name) || self.drop(name));
                }
                for (name, value) in fields {
                    if let Some((field, _)) = node.field(name) {
                        self.below(format_args!(".{name}"), |walk| walk.node(field, value, preserve));
                    }
                }
            }
            Value::Array(items) => {
                let Some(item) = node.items() else { return };
                for (index, value) in items.iter_mut().enumerate() {
                    self.below(format_args!("[{index}]"), |walk| walk.node(item, value, preserve));
                }
            }
            _ => {}
        }
    }

    fn drop(&mut self, name: &str) -> bool {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        self.unknown.push(path);
        false
    }

    fn below(&mut self, step: std::fmt::Arguments<'_>, walk: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        // Writing to a string cannot fail.
        let _ = self.path.write_fmt(step);
        if length == 0 && self.path.starts_with('.') {
            self.path.remove(0);
        }
        walk(self);
        self.path.truncate(length);
    }
}
