//! What a kind demands of its objects.

use serde_json::{Value, json};

use super::super::error::ApiError;
use super::super::query::FieldValidation;
use super::Writer;

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
            ("apiextensions.k8s.io", "CustomResourceDefinition") => self.establish(value),
            _ => {}
        }
    }

    /// Served from the moment it is stored.
    fn establish(&self, definition: &mut Value) {
        let now = crate::environment::rfc3339(self.api.store.environment().now());
        let names = &mut definition["spec"]["names"];
        let kind = names["kind"].as_str().unwrap_or_default().to_owned();
        if names["singular"].is_null() {
            names["singular"] = kind.to_lowercase().into();
        }
        if names["listKind"].is_null() {
            names["listKind"] = format!("{kind}List").into();
        }
        let condition = |kind: &str, reason: &str, message: &str| json!({ "type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now });
        let accepted = definition["spec"]["names"].clone();
        let versions = definition["spec"]["versions"].as_array().into_iter().flatten();
        let stored: Vec<Value> =
            versions.filter(|version| version["storage"] == true).map(|version| version["name"].clone()).collect();
        definition["status"] = json!({
            "acceptedNames": accepted,
            "storedVersions": stored,
            "conditions": [
                condition("NamesAccepted", "NoConflicts", "no conflicts found"),
                condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
            ],
        });
    }
}
