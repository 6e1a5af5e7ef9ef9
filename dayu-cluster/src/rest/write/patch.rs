//! PATCH, in its four languages.

use http::HeaderMap;
use serde_json::Value;

use super::super::error::ApiError;
use super::decode::{Decoded, Format, decode, media_type};
use super::update::Failure;
use super::{Writer, Written};
use crate::schema::Cause;
use crate::store::Object;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatchType {
    Json,
    Merge,
    Strategic,
    Apply,
}

impl PatchType {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        match media_type(headers) {
            "application/json-patch+json" => Ok(Self::Json),
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/strategic-merge-patch+json" => Ok(Self::Strategic),
            "application/apply-patch+yaml" => Ok(Self::Apply),
            _ => Err(ApiError::unsupported_media_type(&[
                "application/json-patch+json",
                "application/merge-patch+json",
                "application/strategic-merge-patch+json",
                "application/apply-patch+yaml",
            ])),
        }
    }
}

impl Writer {
    pub(crate) fn patch(&self, name: &str, language: PatchType, body: &[u8]) -> Result<Written, ApiError> {
        // Apply patches are YAML by name and nearly always JSON in fact; JSON tells duplicate keys.
        let format = if language == PatchType::Apply && !looks_like_json(body) { Format::Yaml } else { Format::Json };
        let Decoded { value: patch, duplicates } = decode(format, body)?;
        if language == PatchType::Apply {
            return self.apply(name, patch, &duplicates);
        }
        if language == PatchType::Strategic && self.kind.custom().is_some() {
            return Err(ApiError::unsupported_media_type(&[
                "application/json-patch+json",
                "application/merge-patch+json",
                "application/apply-patch+yaml",
            ]));
        }
        self.retrying(|| {
            let stored = self.stored(name)?;
            let patched = self.patched(language, &stored, &patch)?;
            self.replace(&stored, patched, &duplicates)
        })
    }

    fn patched(&self, language: PatchType, stored: &Object, patch: &Value) -> Result<Value, ApiError> {
        let mut value = self.kind.value(stored).map_err(ApiError::internal)?;
        merge(language, &mut value, patch)?;
        self.check_identity(&mut value)?;
        if value["metadata"]["name"] != *stored.meta.name {
            let cause = Cause::invalid("metadata.name", &value["metadata"]["name"], "field is immutable");
            return Err(ApiError::invalid(&self.kind, &stored.meta.name, &[cause]));
        }
        Ok(value)
    }

    fn apply(&self, name: &str, mut applied: Value, duplicates: &[String]) -> Result<Written, ApiError> {
        self.check_identity(&mut applied)?;
        applied["metadata"]["name"] = name.into();
        self.retrying(|| {
            let Ok(stored) = self.stored(name) else {
                return self.store_new(applied.clone(), duplicates).map_err(Failure::Refused);
            };
            let mut value = self.kind.value(&stored).map_err(ApiError::internal)?;
            json_patch::merge(&mut value, &applied);
            self.replace(&stored, value, duplicates)
        })
    }
}

/// Applies a patch to any value, knowing nothing of its kind.
pub(super) fn merge(language: PatchType, value: &mut Value, patch: &Value) -> Result<(), ApiError> {
    match language {
        PatchType::Json => apply_json_patch(value, patch),
        PatchType::Merge | PatchType::Apply => {
            json_patch::merge(value, patch);
            Ok(())
        }
        PatchType::Strategic => {
            let mut patch = patch.clone();
            drop_directives(&mut patch);
            json_patch::merge(value, &patch);
            Ok(())
        }
    }
}

/// `$setElementOrder/…` and the like say how to merge lists; lists are replaced here.
fn drop_directives(patch: &mut Value) {
    match patch {
        Value::Object(fields) => {
            fields.retain(|key, _| !key.starts_with('$'));
            fields.values_mut().for_each(drop_directives);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_directives),
        _ => {}
    }
}

fn looks_like_json(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

fn apply_json_patch(value: &mut Value, patch: &Value) -> Result<(), ApiError> {
    let patch: json_patch::Patch = serde::Deserialize::deserialize(patch)
        .map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}")))?;
    json_patch::patch(value, &patch).map_err(|error| {
        ApiError::unprocessable(format!("the server rejected our request due to an error in our request: {error}"))
    })
}
