//! Filling in what a schema has defaults for.

use std::sync::Arc;

use serde_json::Value;

use super::node::{Node, Others};

/// Sets defaults below `value`, which is there already.
pub(super) fn fill(node: &Node, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let Some(object) = node.as_object() else { return };
            // Null where null has no meaning is as good as nothing.
            fields.retain(|name, value| {
                let means_something =
                    |(field, named): (&Arc<Node>, bool)| field.nullable || !named && field.default.is_some();
                !value.is_null() || node.field(name).is_none_or(means_something)
            });
            for (name, field) in &object.fields {
                let Some(default) = &field.default else { continue };
                if !fields.contains_key(&**name) {
                    fields.insert((**name).to_owned(), default.clone());
                }
            }
            for (name, value) in fields.iter_mut() {
                match (object.fields.get(name.as_str()), &object.others) {
                    (Some(field), _) => fill(field, value),
                    (None, Others::Of(other)) => fill_other(other, value),
                    (None, Others::Unknown) => {}
                }
            }
        }
        Value::Array(items) => {
            let Some(item) = node.items() else { return };
            items.iter_mut().for_each(|value| fill_other(item, value));
        }
        _ => {}
    }
}

/// What stands under any key or in a list.
fn fill_other(node: &Node, value: &mut Value) {
    if let (true, false, Some(default)) = (value.is_null(), node.nullable, &node.default) {
        *value = default.clone();
    }
    fill(node, value);
}
