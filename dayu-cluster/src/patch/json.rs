//! JSON patch (RFC 6902) and JSON merge patch (RFC 7396).

use json_patch::{AddOperation, PatchOperation};
use serde::Deserialize;
use serde_json::Value;

/// As many operations as Kubernetes takes in one patch.
const MAX_OPERATIONS: usize = 10_000;
const OPERATIONS: [&str; 6] = ["add", "copy", "move", "remove", "replace", "test"];

#[derive(Debug, thiserror::Error)]
pub enum JsonPatchError {
    #[error("error decoding patch: {0}")]
    Malformed(#[source] serde_json::Error),
    #[error("the allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {0}: send it as several patches")]
    TooLong(usize),
    #[error("unknown operation {0:?}: use add, copy, move, remove, replace or test")]
    UnknownOperation(String),
    /// A `test` that fails, or a path that is not there.
    #[error("the server rejected our request due to an error in our request: {0}")]
    Inapplicable(#[source] json_patch::PatchError),
}

/// Performs a JSON patch. After an error the value is of no use: some of it may have been done.
pub fn patch(value: &mut Value, patch: &Value) -> Result<(), JsonPatchError> {
    let operations = patch.as_array().into_iter().flatten().filter_map(|operation| operation["op"].as_str());
    if let Some(unknown) = operations.into_iter().find(|name| !OPERATIONS.contains(name)) {
        return Err(JsonPatchError::UnknownOperation(unknown.to_owned()));
    }
    let patch = json_patch::Patch::deserialize(patch).map_err(JsonPatchError::Malformed)?;
    if patch.0.len() > MAX_OPERATIONS {
        return Err(JsonPatchError::TooLong(patch.0.len()));
    }
    for operation in patch.0 {
        if let Some(operation) = lenient(value, operation) {
            json_patch::patch(value, &[operation]).map_err(JsonPatchError::Inapplicable)?;
        }
    }
    Ok(())
}

/// Kubernetes replaces fields that are not there, and takes them for null where that is tested; so do its clients.
fn lenient(value: &Value, operation: PatchOperation) -> Option<PatchOperation> {
    match operation {
        PatchOperation::Replace(replace) if is_field(value, replace.path.as_str()) => {
            Some(PatchOperation::Add(AddOperation { path: replace.path, value: replace.value }))
        }
        PatchOperation::Test(test) if test.value.is_null() && is_absent_field(value, test.path.as_str()) => None,
        other => Some(other),
    }
}

fn is_absent_field(value: &Value, path: &str) -> bool {
    is_field(value, path) && value.pointer(path).is_none()
}

fn is_field(value: &Value, path: &str) -> bool {
    path.rsplit_once('/').and_then(|(parent, _)| value.pointer(parent)).is_some_and(Value::is_object)
}

/// Performs a JSON merge patch.
pub fn merge(value: &mut Value, patch: &Value) {
    json_patch::merge(value, patch);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_replaced_whether_it_is_there_or_not_an_item_only_if_it_is() {
        let replaced = |path: &str| {
            let mut value = json!({"a": {"b": 1}, "c": [1]});
            patch(&mut value, &json!([{"op": "replace", "path": path, "value": 2}])).map(|()| value)
        };
        assert_eq!(replaced("/a/b").unwrap(), json!({"a": {"b": 2}, "c": [1]}));
        assert_eq!(replaced("/a/d").unwrap(), json!({"a": {"b": 1, "d": 2}, "c": [1]}));
        assert_eq!(replaced("/c/0").unwrap(), json!({"a": {"b": 1}, "c": [2]}));
        assert!(matches!(replaced("/c/1"), Err(JsonPatchError::Inapplicable(_))));
        assert!(matches!(replaced("/x/y"), Err(JsonPatchError::Inapplicable(_))));
    }

    #[test]
    fn a_field_that_is_not_there_is_null_where_it_is_tested() {
        let holds = |path: &str, expected: Value| {
            let mut value = json!({"a": {"b": 1}, "c": [1]});
            patch(&mut value, &json!([{"op": "test", "path": path, "value": expected}])).is_ok()
        };
        assert!(holds("/a/d", Value::Null) && holds("/a/b", json!(1)));
        assert!(!holds("/a/b", Value::Null) && !holds("/a/d", json!([])));
        assert!(!holds("/c/1", Value::Null) && !holds("/x/y", Value::Null));
    }
}
