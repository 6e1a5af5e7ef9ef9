//! Filling in what a schema has defaults for.

use serde_json::Value;

use super::node::{Node, Others};

/// Sets defaults below `value`, which is there already.
pub(super) fn fill(node: &Node, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let Some(object) = node.as_object() else { return };
            for (name, field) in &object.fields {
                let Some(default) = &field.default else { continue };
                // Null where null has no meaning is as good as nothing.
                let missing = fields.get(&**name).is_none_or(|value| value.is_null() && !field.nullable);
                if missing {
                    fields.insert((**name).to_owned(), default.clone());
                }
            }
            for (name, value) in fields.iter_mut() {
                match (object.fields.get(name.as_str()), &object.others) {
                    (Some(field), _) => fill(field, value),
                    (None, Others::Of(other)) => {
                        if let (true, false, Some(default)) = (value.is_null(), other.nullable, &other.default) {
                            *value = default.clone();
                        }
                        fill(other, value);
                    }
                    (None, Others::Unknown) => {}
                }
            }
        }
        Value::Array(items) => {
            let Some(item) = node.items() else { return };
            for value in items {
                if let (true, false, Some(default)) = (value.is_null(), item.nullable, &item.default) {
                    *value = default.clone();
                }
                fill(item, value);
            }
        }
        _ => {}
    }
}
