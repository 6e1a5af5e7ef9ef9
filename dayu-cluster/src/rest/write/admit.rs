//! What a kind demands of its objects.

use serde_json::{Value, json};

use super::super::definitions;
use super::super::error::ApiError;
use super::super::query::FieldValidation;
use super::Writer;
use crate::environment::rfc3339;
use crate::store::CUSTOMRESOURCEDEFINITIONS;

impl Writer {
    /// Completes and checks a value before it is stored; what it warns of is told to the client.
    pub(super) fn admit(
        &self,
        name: &str,
        old: Option<&Value>,
        value: &mut Value,
        duplicates: &[String],
    ) -> Result<Vec<String>, ApiError> {
        let warnings = self.strictness(duplicates)?;
        if old.is_none() {
            self.first_status(value);
        } else if self.kind.resource == CUSTOMRESOURCEDEFINITIONS {
            definitions::note_storage_version(value);
        }
        tracing::trace!(name, kind = %self.kind.kind, "admitted");
        Ok(warnings)
    }

    /// Refuses or tells of fields that are not as the kind has them.
    fn strictness(&self, duplicates: &[String]) -> Result<Vec<String>, ApiError> {
        let problems: Vec<String> = duplicates.iter().map(|path| format!("duplicate field \"{path}\"")).collect();
        match self.options.validation {
            FieldValidation::Ignore => Ok(Vec::new()),
            FieldValidation::Warn => Ok(problems),
            FieldValidation::Strict if problems.is_empty() => Ok(Vec::new()),
            FieldValidation::Strict => {
                Err(ApiError::bad_request(format!("strict decoding error: {}", problems.join(", "))))
            }
        }
    }

    /// What an object is at its very beginning, before any controller saw it.
    fn first_status(&self, value: &mut Value) {
        match (self.kind.group.as_str(), self.kind.kind.as_str()) {
            ("", "Pod") => {
                value["status"] = json!({ "phase": "Pending" });
            }
            ("", "Namespace") => {
                value["spec"] = json!({ "finalizers": ["kubernetes"] });
                value["status"] = json!({ "phase": "Active" });
                let name = value["metadata"]["name"].clone();
                value["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
            }
            ("apiextensions.k8s.io", "CustomResourceDefinition") => {
                definitions::establish(value, &rfc3339(self.api.store.environment().now()));
            }
            _ => {}
        }
    }
}
