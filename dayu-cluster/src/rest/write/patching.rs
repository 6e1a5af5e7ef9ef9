//! PATCH, in its four languages.

use http::HeaderMap;
use serde_json::Value;

use super::super::error::ApiError;
use super::decode::{Decoded, Format, decode, media_type};
use super::update::Failure;
use super::{Ownership, Part, Writer, Written, metadata};
use crate::patch::json::JsonPatchError;
use crate::patch::{self, ApplyError, Conflict};
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
            if !self.options.named {
                let cause = Cause::required("fieldManager", "is required for apply patch");
                return Err(ApiError::options("PatchOptions", cause));
            }
            return self.apply(name, patch, &duplicates);
        }
        if self.options.force {
            let cause = Cause::forbidden("force", "may not be specified for non-apply patch");
            return Err(ApiError::options("PatchOptions", cause));
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
            let old = self.kind.value(&stored).map_err(ApiError::internal)?;
            let patched = self.patched(language, &stored, old.clone(), &patch)?;
            self.replace(&stored, &old, patched, &duplicates, Ownership::Compared).map_err(|failure| match failure {
                // Made again, rather than kept for the few that are refused.
                Failure::Refused(error) => {
                    let patched = self.patched(language, &stored, old.clone(), &patch).unwrap_or_default();
                    Failure::Refused(error.patched_into(&patched))
                }
                Failure::Overtaken => Failure::Overtaken,
            })
        })
    }

    fn patched(
        &self,
        language: PatchType,
        stored: &Object,
        mut value: Value,
        patch: &Value,
    ) -> Result<Value, ApiError> {
        merge(language, &self.kind.kind, &mut value, patch)?;
        if value["kind"] != *self.kind.kind || value["apiVersion"] != self.kind.api_version() {
            let why = ApiError::bad_request("a patch does not change what an object is");
            return Err(why.patched_into(&value));
        }
        self.check_identity(&mut value)?;
        if value["metadata"]["name"] != *stored.meta.name {
            let sent = value["metadata"]["name"].as_str().unwrap_or_default();
            return Err(metadata::another_name(sent, &stored.meta.name));
        }
        self.check_uid(stored, &value)?;
        Ok(value)
    }

    fn apply(&self, name: &str, mut applied: Value, duplicates: &[String]) -> Result<Written, ApiError> {
        self.check_type(&applied)?;
        let sent_namespace = applied["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
        self.check_identity(&mut applied)?;
        match applied["metadata"]["name"].as_str() {
            Some(sent) if !sent.is_empty() && sent != name => return Err(metadata::another_name(sent, name)),
            _ => applied["metadata"]["name"] = name.into(),
        }
        let node = self.kind.schema().unwrap_or_default();
        self.retrying(|| {
            let stored = self.stored(name).ok();
            if let Some(stored) = &stored {
                self.check_uid(stored, &applied)?;
            }
            let live = stored.as_ref().map(|stored| self.kind.value(stored).map_err(ApiError::internal)).transpose()?;
            let value = match &live {
                Some(live) => {
                    self.as_owner(|owner| patch::apply(Some(live), &applied, owner, self.options.force, &node))
                }
                // Nothing is tried again after this.
                None if self.part == Part::Main => {
                    self.as_owner(|owner| patch::create(std::mem::take(&mut applied), owner, &node))
                }
                None => return Err(ApiError::not_found(&self.kind.resource, name).into()),
            };
            let value = value.map_err(|error| match error {
                // Named as it was sent, where it may well be left out.
                ApplyError::Untyped { name, group_version, kind, problem, .. } => {
                    ApplyError::Untyped { namespace: sent_namespace.clone(), name, group_version, kind, problem }
                }
                other => other,
            });
            let value = value.map_err(ApiError::from)?;
            match stored.zip(live) {
                Some((stored, live)) => self.replace(&stored, &live, value, duplicates, Ownership::Applied),
                None => Ok(self.store_new(value, duplicates, Ownership::Applied)?),
            }
        })
    }
}

impl Writer {
    fn check_uid(&self, stored: &Object, sent: &Value) -> Result<(), ApiError> {
        match sent["metadata"]["uid"].as_str() {
            Some(uid) if *uid != *stored.meta.uid => Err(ApiError::another_uid(&self.kind, &stored.meta.name, uid)),
            _ => Ok(()),
        }
    }

    /// What is applied says what it is: a later version of the kind may mean something else by the same fields.
    fn check_type(&self, applied: &Value) -> Result<(), ApiError> {
        let said = |field: &str| applied[field].as_str().unwrap_or_default();
        let (api_version, kind) = (said("apiVersion"), said("kind"));
        if api_version == self.kind.api_version() && kind == self.kind.kind || !applied.is_object() {
            return Ok(());
        }
        let group = if api_version.contains('/') { "" } else { "/" };
        Err(ApiError::bad_request(format!("invalid object type: {group}{api_version}, Kind={kind}")))
    }
}

/// Patches any value that is no stored object, such as a Scale.
pub(super) fn merge(language: PatchType, kind: &str, value: &mut Value, patch: &Value) -> Result<(), ApiError> {
    match language {
        PatchType::Json => patch::json::patch(value, patch).map_err(ApiError::from),
        PatchType::Strategic => {
            patch::strategic::merge(kind, value, patch).map_err(|error| ApiError::untyped(error.to_string()))
        }
        PatchType::Merge if !patch.is_object() => {
            Err(ApiError::bad_request("error decoding patch: a merge patch is an object"))
        }
        PatchType::Merge | PatchType::Apply => {
            patch::json::merge(value, patch);
            Ok(())
        }
    }
}

impl From<JsonPatchError> for ApiError {
    fn from(error: JsonPatchError) -> Self {
        let message = error.to_string();
        match error {
            JsonPatchError::Malformed(_) => Self::bad_request(message),
            JsonPatchError::TooLong(_) => Self::too_long(message),
            JsonPatchError::Inapplicable(_) | JsonPatchError::UnknownOperation(_) => Self::inapplicable(),
        }
    }
}

impl From<ApplyError> for ApiError {
    fn from(error: ApplyError) -> Self {
        let message = error.to_string();
        match error {
            ApplyError::ManagedFields => Self::bad_request(message),
            ApplyError::Untyped { .. } => Self::untyped(message),
            ApplyError::Conflicts(conflicts) => {
                let cause = |Conflict { manager, field }: Conflict| {
                    Cause::new("FieldManagerConflict", field, format!("conflict with {manager}"))
                };
                Self::apply_conflict(message, &conflicts.into_iter().map(cause).collect::<Vec<_>>())
            }
        }
    }
}

fn looks_like_json(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}
