//! DELETE of one object and of collections.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::error::ApiError;
use super::super::query::Query;
use super::Writer;
use super::decode::{Format, decode};
use crate::registry;
use crate::schema::Cause;
use crate::store::{CUSTOMRESOURCEDEFINITIONS, DeleteOptions, Deleted, NAMESPACES, Object, Propagation, StoreError};

/// What Kubernetes calls them.
const OPTIONS: &str = "DeleteOptions";

/// Options from body and query; the body has precedence.
pub(crate) fn delete_options(format: Format, body: &[u8], query: &Query) -> Result<DeleteOptions, ApiError> {
    let mut options = match body {
        [] => DeleteOptions::default(),
        body => read(decode(format, body)?.value)?,
    };
    if options.grace_period_seconds.is_none() {
        options.grace_period_seconds = query.get("gracePeriodSeconds").and_then(|seconds| seconds.parse().ok());
    }
    if options.propagation_policy.is_none() {
        options.propagation_policy = match query.get("propagationPolicy") {
            None => None,
            Some("Orphan") => Some(Propagation::Orphan),
            Some("Background") => Some(Propagation::Background),
            Some("Foreground") => Some(Propagation::Foreground),
            Some(other) => return Err(unknown_policy(&other.into())),
        };
    }
    if options.orphan_dependents.is_none() && query.get("orphanDependents").is_some() {
        options.orphan_dependents = Some(query.flag("orphanDependents"));
    }
    if options.orphan_dependents.is_some()
        && let Some(policy) = options.propagation_policy
    {
        let why = "orphanDependents and deletionPropagation cannot be both set";
        let cause = Cause::invalid("propagationPolicy", &format!("{policy:?}").into(), why);
        return Err(ApiError::options(OPTIONS, cause));
    }
    Ok(options)
}

fn read(sent: Value) -> Result<DeleteOptions, ApiError> {
    let policy = &sent["propagationPolicy"];
    if policy.as_str().is_some_and(|policy| !matches!(policy, "Orphan" | "Background" | "Foreground")) {
        return Err(unknown_policy(policy));
    }
    serde_json::from_value(sent)
        .map_err(|error| ApiError::bad_request(format!("DeleteOptions cannot be read: {error}")))
}

fn unknown_policy(said: &Value) -> ApiError {
    let supported = ["Foreground", "Background", "Orphan", "nil"];
    ApiError::options(OPTIONS, Cause::unsupported("propagationPolicy", said, supported))
}

impl Writer {
    /// The reply: the object while something holds it, else a `Status`.
    pub(crate) fn delete(&self, name: &str, mut options: DeleteOptions) -> Result<Bytes, ApiError> {
        if self.kind.resource == NAMESPACES && matches!(name, "default" | "kube-system" | "kube-public") {
            return Err(ApiError::forbidden(&NAMESPACES, name, "this namespace may not be deleted"));
        }
        if self.options.dry_run {
            options.dry_run = vec!["All".into()];
        }
        let dry_run = !options.dry_run.is_empty();
        let deleted = self.api.store.delete(&self.kind.resource, &self.namespace, name, &options);
        let refused = |error| match error {
            StoreError::Precondition { reason, .. } => ApiError::precondition(&self.kind, name, &reason),
            other => other.into(),
        };
        match deleted.map_err(refused)? {
            Deleted::Terminating(object) => {
                if !dry_run {
                    self.begun(&object)?;
                }
                Ok(self.kind.bytes(&self.api.store.get(&self.kind.resource, &self.namespace, name).unwrap_or(object)))
            }
            Deleted::Removed(object) => {
                Ok(if self.returns_object() { self.kind.bytes(&object) } else { self.success(&object) })
            }
        }
    }

    /// What the beginning of a deletion sets in motion at once.
    fn begun(&self, object: &Object) -> Result<(), ApiError> {
        if self.kind.resource == NAMESPACES {
            let terminating = |value: &mut Value| value["status"]["phase"] = "Terminating".into();
            self.api.store.modify(&NAMESPACES, "", &object.meta.name, terminating)?;
        }
        if self.kind.resource == CUSTOMRESOURCEDEFINITIONS {
            registry::retire(&self.api.store, &object.meta.name);
        }
        Ok(())
    }

    /// Kinds whose deletion answers with the object even when it is gone.
    fn returns_object(&self) -> bool {
        self.kind.custom().is_none()
            && matches!(
                self.kind.kind.as_str(),
                "Pod"
                    | "Service"
                    | "ServiceAccount"
                    | "PersistentVolume"
                    | "PersistentVolumeClaim"
                    | "ResourceQuota"
                    | "PodTemplate"
            )
    }

    fn success(&self, object: &Object) -> Bytes {
        let mut details = json!({ "name": object.meta.name, "kind": self.kind.plural(), "uid": object.meta.uid });
        if !self.kind.group.is_empty() {
            details["group"] = self.kind.group.as_str().into();
        }
        json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details })
            .to_string()
            .into()
    }
}
