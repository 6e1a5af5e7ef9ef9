//! The part of `metadata` that belongs to the cluster.

use serde_json::{Map, Value};

use super::super::error::ApiError;
use super::{Part, Writer};
use crate::environment::suffix;
use crate::registry::Kind;
use crate::schema::Cause;

/// Set by the cluster, whatever a client sends.
const SYSTEM: [&str; 6] =
    ["uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"];

impl Writer {
    /// Type and place of a sent object: both may be left out, neither may contradict the request.
    pub(super) fn check_identity(&self, value: &mut Value) -> Result<(), ApiError> {
        let kind = &*self.kind;
        let api_version = kind.api_version();
        let Some(fields) = value.as_object_mut() else {
            return Err(ApiError::bad_request("the body of the request is no object"));
        };
        if kind.custom().is_some() {
            untyped(kind, fields)?;
        }
        let sent_kind = fields.entry("kind").or_insert_with(|| kind.kind.as_str().into()).as_str().unwrap_or_default();
        if sent_kind != kind.kind {
            return Err(ApiError::bad_request(format!(
                "{sent_kind} in version \"{}\" cannot be handled as a {}: no kind \"{sent_kind}\" is served here",
                kind.version, kind.kind
            )));
        }
        let sent =
            fields.entry("apiVersion").or_insert_with(|| api_version.as_str().into()).as_str().unwrap_or_default();
        if sent != api_version {
            return Err(ApiError::bad_request(format!(
                "the API version in the data ({sent}) does not match the expected API version ({api_version})"
            )));
        }
        let metadata = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
        let Some(metadata) = metadata.as_object_mut() else {
            return Err(ApiError::bad_request("metadata: is no object"));
        };
        if !kind.namespaced {
            metadata.remove("namespace");
            return Ok(());
        }
        let sent = metadata.entry("namespace").or_insert_with(|| "".into());
        if sent.as_str().is_some_and(|sent| !sent.is_empty() && sent != self.namespace) {
            return Err(ApiError::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        *sent = self.namespace.as_str().into();
        Ok(())
    }

    /// The name of a new object, made up if only its beginning was given.
    pub(super) fn name(&self, metadata: &mut Value) -> Result<String, ApiError> {
        if let Some(name) = metadata["name"].as_str().filter(|name| !name.is_empty()) {
            return Ok(name.into());
        }
        let Some(prefix) = metadata["generateName"].as_str().filter(|prefix| !prefix.is_empty()) else {
            let cause = Cause::required("metadata.name", "name or generateName is required");
            return Err(ApiError::invalid(&self.kind, "", &[cause]));
        };
        // A name has at most 63 characters, five of them the suffix.
        let prefix: String = prefix.chars().take(58).collect();
        let name = format!("{prefix}{}", suffix(self.api.store.environment()));
        metadata["name"] = name.as_str().into();
        Ok(name)
    }
}

/// Objects of custom kinds must say what they are.
fn untyped(kind: &Kind, fields: &Map<String, Value>) -> Result<(), ApiError> {
    let said = |field: &str| fields.get(field).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    if !said("kind") {
        let sent = Value::Object(fields.clone()).to_string();
        let start: String = sent.chars().take(30).collect();
        return Err(ApiError::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): Object 'Kind' is missing in '{sent}' ({start} ...)",
            kind.kind
        )));
    }
    if said("apiVersion") {
        return Ok(());
    }
    let expected = kind.api_version();
    Err(ApiError::bad_request(format!(
        "the API version in the data () does not match the expected API version ({expected})"
    )))
}

/// The object is called otherwise than the request says.
pub(super) fn another_name(sent: &str, asked: &str) -> ApiError {
    ApiError::bad_request(format!("the name of the object ({sent}) does not match the name on the URL ({asked})"))
}

/// Clears what only the cluster may say of a new object.
pub(super) fn begin(kind: &Kind, value: &mut Value) {
    let Some(metadata) = value["metadata"].as_object_mut() else { return };
    for field in SYSTEM {
        metadata.remove(field);
    }
    metadata.remove("resourceVersion");
    if kind.generation {
        metadata.insert("generation".into(), 1.into());
    }
    drop_empty(metadata);
    if clears_status(kind)
        && let Some(fields) = value.as_object_mut()
    {
        fields.remove("status");
    }
}

/// A new object has no status yet; only nodes come with the one that their kubelet reports.
fn clears_status(kind: &Kind) -> bool {
    kind.status && kind.kind != "Node"
}

/// Takes what this write cannot change from the stored object.
pub(super) fn keep(kind: &Kind, part: Part, old: &Value, new: &mut Value) {
    match part {
        Part::Main | Part::Scale => {
            keep_system(old, new);
            if kind.kind == "Namespace" && kind.custom().is_none() {
                copy(old, new, "spec");
            }
            if kind.status {
                copy(old, new, "status");
            }
        }
        Part::Finalizers => {
            let mut kept = old.clone();
            copy(&new["spec"], &mut kept["spec"], "finalizers");
            copy(&new["metadata"], &mut kept["metadata"], "resourceVersion");
            *new = kept;
        }
        Part::Status => {
            keep_but(old, new, &["metadata", "status"]);
            let own: &[&str] = if kind.custom().is_none() { status_metadata(kind) } else { &[] };
            let both = ["resourceVersion", "managedFields"];
            keep_but(&old["metadata"], &mut new["metadata"], &[own, &both].concat());
        }
    }
}

/// Makes all fields but some what they were. Most are: only what is not is copied.
fn keep_but(old: &Value, new: &mut Value, but: &[&str]) {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object_mut()) else { return };
    new.retain(|name, _| but.contains(&name.as_str()) || old.contains_key(name));
    for (name, old) in old.iter().filter(|(name, _)| !but.contains(&name.as_str())) {
        if new.get(name) != Some(old) {
            new.insert(name.clone(), old.clone());
        }
    }
}

/// The metadata that a write to the status of a built-in kind may change as well.
fn status_metadata(kind: &Kind) -> &'static [&'static str] {
    match kind.kind.as_str() {
        "Pod" | "Node" | "Service" | "Namespace" => &["annotations", "labels", "finalizers"],
        _ => &["annotations"],
    }
}

fn keep_system(old: &Value, new: &mut Value) {
    for field in SYSTEM {
        let kept = old["metadata"].get(field).cloned();
        set(&mut new["metadata"], field, kept);
    }
    copy(&old["metadata"], &mut new["metadata"], "generateName");
    if let Some(metadata) = new["metadata"].as_object_mut() {
        drop_empty(metadata);
    }
}

fn drop_empty(metadata: &mut Map<String, Value>) {
    metadata.retain(|_, value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    });
}

fn copy(from: &Value, to: &mut Value, field: &str) {
    set(to, field, from.get(field).cloned());
}

fn set(to: &mut Value, field: &str, value: Option<Value>) {
    let Some(fields) = to.as_object_mut() else { return };
    match value {
        Some(value) => fields.insert(field.into(), value),
        None => fields.remove(field),
    };
}
