//! From "please delete" to gone: finalizers, propagation and grace.

use std::sync::Arc;

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{CUSTOMRESOURCEDEFINITIONS, Change, NAMESPACES, Object, PODS, ResourceRef, Store, StoreError};
use crate::environment;

/// The body of a DELETE.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeleteOptions {
    pub grace_period_seconds: Option<i64>,
    pub propagation_policy: Option<Propagation>,
    pub orphan_dependents: Option<bool>,
    pub preconditions: Option<Preconditions>,
    pub dry_run: Vec<String>,
}

/// What becomes of the objects that the deleted one owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Propagation {
    Orphan,
    Background,
    Foreground,
}

/// Delete only exactly this one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Preconditions {
    pub uid: Option<String>,
    pub resource_version: Option<String>,
}

/// How far a deletion got.
#[derive(Debug, Clone)]
pub enum Deleted {
    /// Gone. The last state.
    Removed(Arc<Object>),
    /// Marked; finalizers or grace hold it.
    Terminating(Arc<Object>),
}

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

impl Store {
    /// Deletes an object, or marks it as terminating when finalizers or a running pod's grace period hold it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Precondition`], or that it could not be made durable.
    pub fn delete(
        &self,
        resource: &ResourceRef,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Deleted, StoreError> {
        loop {
            let Some(stored) = self.get(resource, namespace, name) else {
                return Err(StoreError::NotFound { resource: resource.clone(), name: name.into() });
            };
            check(resource, &stored, options.preconditions.as_ref())?;
            match self.depart(resource, &stored, options) {
                Err(StoreError::Conflict { .. }) => {}
                done => return done,
            }
        }
    }

    /// Deletes or marks exactly this state of an object.
    fn depart(
        &self,
        resource: &ResourceRef,
        stored: &Arc<Object>,
        options: &DeleteOptions,
    ) -> Result<Deleted, StoreError> {
        let before = stored
            .value()
            .map_err(|error| StoreError::Malformed { resource: resource.clone(), reason: error.to_string() })?;
        let mut value = before.clone();
        self.mark(resource, &mut value, options);
        let complete = is_complete(&value);
        if !complete && value["metadata"] == before["metadata"] {
            return Ok(Deleted::Terminating(stored.clone()));
        }
        if options.dry_run.iter().any(|stage| stage == "All") {
            let stored = stored.clone();
            return Ok(if complete { Deleted::Removed(stored) } else { Deleted::Terminating(stored) });
        }
        if complete {
            // As the deleted object is shown: without the marks of a deletion that took no time, unless it is of a kind
            // whose deletions may.
            let marked = stored.meta.is_terminating() || *resource == PODS;
            let last = if marked { value } else { before };
            let draft = self.draft(resource, &last)?;
            return self.exchange(resource, stored, draft, Change::Deleted).map(Deleted::Removed);
        }
        let draft = self.draft(resource, &value)?;
        self.exchange(resource, stored, draft, Change::Modified).map(Deleted::Terminating)
    }

    fn mark(&self, resource: &ResourceRef, value: &mut Value, options: &DeleteOptions) {
        let grace = grace_period(resource, value, options);
        let metadata = &mut value["metadata"];
        set_propagation(metadata, options);
        let marked = metadata["deletionTimestamp"].is_string();
        let running = metadata["deletionGracePeriodSeconds"].as_i64().or(marked.then_some(0));
        // A second request may only shorten the grace.
        if running.is_some_and(|running| running <= grace) {
            return;
        }
        let ends = self.environment.now().saturating_add(SignedDuration::from_secs(grace));
        let ends = ends.unwrap_or_else(|_| self.environment.now());
        let definition = *resource == CUSTOMRESOURCEDEFINITIONS;
        if running.is_none() && metadata["generation"].is_i64() && !definition {
            metadata["generation"] = (metadata["generation"].as_i64().unwrap_or_default() + 1).into();
        }
        metadata["deletionTimestamp"] = environment::rfc3339(ends).into();
        // These end in their own way: no grace is counted for them.
        if !definition && *resource != NAMESPACES {
            metadata["deletionGracePeriodSeconds"] = grace.into();
        }
    }
}

/// Terminating, and nothing holds it any more.
pub(crate) fn is_complete(value: &Value) -> bool {
    let metadata = &value["metadata"];
    let namespace_held = value["kind"] == "Namespace"
        && value["apiVersion"] == "v1"
        && value["spec"]["finalizers"].as_array().is_some_and(|held| !held.is_empty());
    metadata["deletionTimestamp"].is_string()
        && metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or_default() == 0
        && metadata["finalizers"].as_array().is_none_or(Vec::is_empty)
        && !namespace_held
}

fn check(resource: &ResourceRef, stored: &Object, wanted: Option<&Preconditions>) -> Result<(), StoreError> {
    let Some(wanted) = wanted else { return Ok(()) };
    let fail = |what: &str, wanted: &str, found: &str, perhaps: &str| StoreError::Precondition {
        resource: resource.clone(),
        name: stored.meta.name.as_ref().into(),
        reason: format!(
            "the {what} in the precondition ({wanted}) does not match the {what} in record ({found}). The object might have been {perhaps}"
        ),
    };
    if let Some(uid) = &wanted.uid
        && **uid != *stored.meta.uid
    {
        return Err(fail("UID", uid, &stored.meta.uid, "deleted and then recreated"));
    }
    let found = stored.meta.resource_version.to_string();
    match &wanted.resource_version {
        Some(version) if *version != found => Err(fail("ResourceVersion", version, &found, "modified")),
        _ => Ok(()),
    }
}

/// Only a pod that may be running on a node is given time; everything else goes at once.
fn grace_period(resource: &ResourceRef, value: &Value, options: &DeleteOptions) -> i64 {
    let ended = matches!(value["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    if *resource != PODS || ended || value["spec"]["nodeName"].as_str().is_none_or(str::is_empty) {
        return 0;
    }
    let asked = options.grace_period_seconds.or_else(|| value["spec"]["terminationGracePeriodSeconds"].as_i64());
    asked.unwrap_or(30).max(0)
}

fn set_propagation(metadata: &mut Value, options: &DeleteOptions) {
    let wanted = match (options.propagation_policy, options.orphan_dependents) {
        (Some(Propagation::Foreground), _) => Some(FOREGROUND),
        (Some(Propagation::Orphan), _) | (None, Some(true)) => Some(ORPHAN),
        (Some(Propagation::Background), _) | (None, Some(false)) => None,
        // Not said: what the object itself asks for stays.
        (None, None) => return,
    };
    let mut finalizers: Vec<Value> = metadata["finalizers"].as_array().cloned().unwrap_or_default();
    finalizers.retain(|finalizer| finalizer != FOREGROUND && finalizer != ORPHAN);
    finalizers.extend(wanted.map(|name| json!(name)));
    let Some(metadata) = metadata.as_object_mut() else { return };
    if finalizers.is_empty() {
        metadata.remove("finalizers");
    } else {
        metadata.insert("finalizers".into(), finalizers.into());
    }
}
