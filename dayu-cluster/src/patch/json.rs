//! JSON patch (RFC 6902) and JSON merge patch (RFC 7396).

use serde::Deserialize;
use serde_json::Value;

/// As many operations as Kubernetes takes in one patch.
const MAX_OPERATIONS: usize = 10_000;

#[derive(Debug, thiserror::Error)]
pub enum JsonPatchError {
    #[error("error decoding patch: {0}")]
    Malformed(#[source] serde_json::Error),
    #[error("the allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {0}: send it as several patches")]
    TooLong(usize),
    /// A `test` that fails, or a path that is not there.
    #[error("the server rejected our request due to an error in our request: {0}")]
    Inapplicable(#[source] json_patch::PatchError),
}

/// Performs a JSON patch, all of it or nothing.
pub fn patch(value: &mut Value, patch: &Value) -> Result<(), JsonPatchError> {
    let patch = json_patch::Patch::deserialize(patch).map_err(JsonPatchError::Malformed)?;
    if patch.0.len() > MAX_OPERATIONS {
        return Err(JsonPatchError::TooLong(patch.0.len()));
    }
    json_patch::patch(value, &patch).map_err(JsonPatchError::Inapplicable)
}

/// Performs a JSON merge patch.
pub fn merge(value: &mut Value, patch: &Value) {
    json_patch::merge(value, patch);
}
