//! What a kind demands of its objects: known fields, defaults, validity.

use serde_json::{Value, json};

use super::super::definitions;
use super::super::error::ApiError;
use super::super::query::FieldValidation;
use super::{Ownership, Writer};
use crate::patch;
use crate::schema::{Cause, builtin};
use crate::store::CUSTOMRESOURCEDEFINITIONS;

impl Writer {
    /// Completes and checks a value before it is stored; what it warns of is told to the client.
    pub(super) fn admit(
        &self,
        name: &str,
        old: Option<&Value>,
        value: &mut Value,
        duplicates: &[String],
        ownership: Ownership,
    ) -> Result<Vec<String>, ApiError> {
        let untouched = Untouched::of(value, old.filter(|_| self.kind.custom().is_none()));
        let unknown = untouched.aside(value, |value| self.prune(value, old))?;
        let warnings = self.strictness(duplicates, &unknown)?;
        if let (Some(old), None) = (old, self.kind.custom()) {
            builtin::drop_dependent(&self.kind.group, &self.kind.kind, old, value);
        }
        self.default(value, &untouched);
        if ownership == Ownership::Compared {
            let node = self.kind.schema().unwrap_or_default();
            self.as_owner(|owner| patch::update(old, value, owner, &node));
        }
        let causes = self.validate(name, value, old);
        if !causes.is_empty() {
            return Err(ApiError::invalid(&self.kind, name, &causes));
        }
        if self.kind.custom().is_none() {
            builtin::complete(&self.kind.group, &self.kind.kind, value, old.is_none());
        }
        match old {
            None => self.begin_status(value),
            Some(old) if self.kind.resource == CUSTOMRESOURCEDEFINITIONS => {
                definitions::change(&self.api.store, value, old);
            }
            Some(_) => {}
        }
        Ok(warnings)
    }

    /// Removes fields that the kind does not have and names them. What cannot be an object of the kind at all is refused.
    fn prune(&self, value: &mut Value, old: Option<&Value>) -> Result<Vec<String>, ApiError> {
        if let Some(custom) = self.kind.custom() {
            return Ok(custom.schema().map(|schema| schema.prune(value)).unwrap_or_default());
        }
        builtin::forget_nulls(value);
        let Some(node) = self.kind.schema() else { return Ok(Vec::new()) };
        let unknown = builtin::prune(&node, value);
        match builtin::check_types(&node, value, old).first() {
            None => Ok(unknown),
            Some(cause) => Err(ApiError::bad_request(format!(
                "{kind} in version \"{version}\" cannot be handled as a {kind}: {cause}",
                kind = self.kind.kind,
                version = self.kind.version,
            ))),
        }
    }

    /// Refuses or tells of fields that are not as the kind has them.
    fn strictness(&self, duplicates: &[String], unknown: &[String]) -> Result<Vec<String>, ApiError> {
        let problem = |what: &'static str| move |path: &String| format!("{what} field \"{path}\"");
        let problems: Vec<String> =
            unknown.iter().map(problem("unknown")).chain(duplicates.iter().map(problem("duplicate"))).collect();
        match self.options.validation {
            FieldValidation::Ignore => Ok(Vec::new()),
            FieldValidation::Warn => Ok(problems),
            FieldValidation::Strict if problems.is_empty() => Ok(Vec::new()),
            FieldValidation::Strict => Err(ApiError::strict(&self.kind, &problems)),
        }
    }

    fn default(&self, value: &mut Value, untouched: &Untouched) {
        match self.kind.custom() {
            Some(custom) => {
                if let Some(schema) = custom.schema() {
                    schema.default(value);
                }
            }
            None => {
                builtin::default(&self.kind.group, &self.kind.kind, value);
                if let Some(node) = self.kind.schema() {
                    untouched.aside(value, |value| builtin::omit_empty(&node, value));
                }
            }
        }
    }

    fn validate(&self, name: &str, value: &Value, old: Option<&Value>) -> Vec<Cause> {
        let (group, kind) = (&self.kind.group, &self.kind.kind);
        let mut causes: Vec<Cause> = Vec::new();
        if old.is_none() {
            causes.extend(builtin::validate_name(group, kind, name));
        }
        causes.extend(builtin::validate_metadata(value, old));
        causes.extend(match self.kind.custom() {
            Some(custom) => custom.schema().map(|schema| schema.validate(value, old)).unwrap_or_default(),
            None => builtin::validate(group, kind, value, old),
        });
        if self.kind.resource == CUSTOMRESOURCEDEFINITIONS {
            causes.extend(definitions::validate(value, old));
        }
        causes
    }

    /// What an object is at its very beginning, before any controller saw it.
    fn begin_status(&self, value: &mut Value) {
        match (self.kind.group.as_str(), self.kind.kind.as_str()) {
            ("", "Pod") => {
                value["status"] = json!({ "phase": "Pending", "qosClass": quality(&value["spec"]) });
            }
            ("", "Namespace") => {
                value["spec"] = json!({ "finalizers": ["kubernetes"] });
                value["status"] = json!({ "phase": "Active" });
            }
            ("apiextensions.k8s.io", "CustomResourceDefinition") => {
                definitions::establish(&self.api.store, value);
            }
            _ => {}
        }
    }
}

/// The fields that a write to an object of a built-in kind leaves as they were: those were completed and checked when they were
/// stored.
struct Untouched(Vec<String>);

impl Untouched {
    fn of(value: &Value, old: Option<&Value>) -> Self {
        let same = |(name, value): &(&String, &Value)| old.is_some_and(|old| old.get(*name) == Some(*value));
        let fields = value.as_object().into_iter().flatten().filter(same);
        Self(fields.map(|(name, _)| name.clone()).collect())
    }

    /// Works on an object without these fields.
    fn aside<T>(&self, value: &mut Value, work: impl FnOnce(&mut Value) -> T) -> T {
        let kept: Vec<(String, Value)> = match value.as_object_mut() {
            Some(fields) => self.0.iter().filter_map(|name| fields.remove_entry(name)).collect(),
            None => Vec::new(),
        };
        let done = work(value);
        if let Some(fields) = value.as_object_mut() {
            fields.extend(kept);
        }
        done
    }
}

/// How well a pod's resources are assured, from what its containers ask for.
fn quality(spec: &Value) -> &'static str {
    let containers =
        ["containers", "initContainers"].into_iter().flat_map(|list| spec[list].as_array().into_iter().flatten());
    let (mut guaranteed, mut any) = (true, false);
    for container in containers {
        let (limits, requests) = (&container["resources"]["limits"], &container["resources"]["requests"]);
        for resource in ["cpu", "memory"] {
            let (limit, request) = (&limits[resource], &requests[resource]);
            any |= !limit.is_null() || !request.is_null();
            guaranteed &= !limit.is_null() && (request.is_null() || request == limit);
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}
