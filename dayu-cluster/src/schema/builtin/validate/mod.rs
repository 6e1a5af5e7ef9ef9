//! What is wrong with objects of built-in kinds.

mod event;
mod immutable;
mod name;
mod pod;
mod service;
mod workload;

use serde_json::Value;

use crate::schema::Cause;

pub use name::validate_name;
pub(crate) use name::{is_dns1035_label, is_label_key, is_label_value};
pub(super) use name::{is_dns1123_label, is_dns1123_subdomain};
pub(super) use pod::quantity;

/// All that is wrong with a defaulted object of a built-in kind; `old` is the one that it takes the place of.
pub fn validate(group: &str, kind: &str, value: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    let specific = match (group, kind) {
        ("", "Pod") => Some(pod::pod as fn(&Value, &mut Vec<Cause>)),
        ("", "Service") => Some(service::service as _),
        ("", "Event") => Some(event::event as _),
        ("events.k8s.io", "Event") if old.is_none() => Some(event::new_event as _),
        ("coordination.k8s.io", "Lease") => Some(lease as _),
        ("", "Node") => Some(node as _),
        ("", "ConfigMap" | "Secret") => Some(data as _),
        ("apps", "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet") => Some(workload::workload as _),
        ("batch", "Job") => Some(workload::job as _),
        _ => None,
    };
    if group != "apiextensions.k8s.io" {
        qualified_finalizers(value, &mut causes);
    }
    if let Some(check) = specific {
        check(value, &mut causes);
    }
    if let Some(old) = old {
        immutable::unchanged(group, kind, value, old, &mut causes);
    }
    causes
}

/// What is wrong with the metadata of an object of any kind.
pub fn validate_metadata(value: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    let new = &value["metadata"];
    metadata(new, "metadata", &mut causes);
    for finalizer in new["finalizers"].as_array().into_iter().flatten() {
        if let Some(why) = finalizer.as_str().and_then(is_label_key) {
            causes.push(Cause::invalid("metadata.finalizers", finalizer, &why));
        }
    }
    causes.extend(old.and_then(|old| late_finalizers(&old["metadata"], new)));
    causes
}

/// Finalizers of built-in kinds are those of Kubernetes, or say whose they are. Definitions are held by one that does not.
fn qualified_finalizers(value: &Value, causes: &mut Vec<Cause>) {
    for (index, finalizer) in value["metadata"]["finalizers"].as_array().into_iter().flatten().enumerate() {
        let name = finalizer.as_str().unwrap_or_default();
        if !name.contains('/') && !matches!(name, "orphan" | "foregroundDeletion" | "kubernetes") {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            causes.push(Cause::invalid(format!("metadata.finalizers[{index}]"), finalizer, why));
        }
    }
}

/// What is on its way out takes on nothing more.
fn late_finalizers(old: &Value, new: &Value) -> Option<Cause> {
    if !old["deletionTimestamp"].is_string() {
        return None;
    }
    let before = old["finalizers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let now = new["finalizers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let late: Vec<String> = now.iter().filter(|name| !before.contains(name)).map(Value::to_string).collect();
    if late.is_empty() {
        return None;
    }
    let why = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
        late.join(", ")
    );
    Some(Cause::forbidden("metadata.finalizers", &why))
}

/// Labels and annotations of an object or of a template.
pub(super) fn metadata(metadata: &Value, path: &str, causes: &mut Vec<Cause>) {
    labels(&metadata["labels"], &format!("{path}.labels"), causes);
    let mut size = 0;
    for (key, value) in metadata["annotations"].as_object().into_iter().flatten() {
        size += key.len() + value.as_str().map_or(0, str::len);
        if let Some(why) = is_label_key(&key.to_lowercase()) {
            causes.push(Cause::invalid(format!("{path}.annotations"), &Value::from(key.as_str()), &why));
        }
    }
    const LIMIT: u64 = 256 << 10;
    if size as u64 > LIMIT {
        causes.push(Cause::too_long(format!("{path}.annotations"), LIMIT));
    }
    for (index, reference) in metadata["ownerReferences"].as_array().into_iter().flatten().enumerate() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if reference[field].as_str().is_none_or(str::is_empty) {
                let path = format!("{path}.ownerReferences[{index}].{field}");
                causes.push(match field {
                    "uid" => Cause::required(path, "must not be empty"),
                    _ => Cause::invalid(path, &Value::from(""), "must not be empty"),
                });
            }
        }
    }
}

pub(super) fn labels(labels: &Value, path: &str, causes: &mut Vec<Cause>) {
    for (key, value) in labels.as_object().into_iter().flatten() {
        if let Some(why) = is_label_key(key) {
            causes.push(Cause::invalid(path, &Value::from(key.as_str()), &why));
        }
        if let Some(why) = value.as_str().and_then(is_label_value) {
            causes.push(Cause::invalid(path, value, &why));
        }
    }
}

fn lease(value: &Value, causes: &mut Vec<Cause>) {
    let spec = &value["spec"];
    let below = |field: &str, least: i64| spec[field].as_i64().is_some_and(|number| number < least);
    if below("leaseDurationSeconds", 1) {
        let field = "spec.leaseDurationSeconds";
        causes.push(Cause::invalid(field, &spec["leaseDurationSeconds"], "must be greater than 0"));
    }
    if below("leaseTransitions", 0) {
        causes.push(pod::not_negative("spec.leaseTransitions".into(), &spec["leaseTransitions"]));
    }
}

fn node(value: &Value, causes: &mut Vec<Cause>) {
    for (index, taint) in value["spec"]["taints"].as_array().into_iter().flatten().enumerate() {
        let supported = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
        one_of(taint, "effect", &format!("metadata.taints[{index}]"), &supported, causes);
    }
}

/// Keys of ConfigMaps and Secrets become file names.
fn data(value: &Value, causes: &mut Vec<Cause>) {
    let mut size = 0;
    for field in ["data", "binaryData"] {
        for (key, value) in value[field].as_object().into_iter().flatten() {
            size += value.as_str().map_or(0, str::len);
            let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            if key.is_empty() || key.len() > 253 || !key.bytes().all(good) || key == "." || key == ".." {
                let why = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
                causes.push(Cause::invalid(format!("{field}[{key}]"), &Value::from(key.as_str()), why));
            }
        }
    }
    const LIMIT: u64 = 1 << 20;
    if size as u64 > LIMIT {
        causes.push(Cause::too_long("", LIMIT));
    }
}

/// The items of a list with their paths.
pub(super) fn each<'a>(
    value: &'a Value,
    field: &'a str,
    path: &'a str,
) -> impl Iterator<Item = (String, &'a Value)> + 'a {
    let items = value[field].as_array().into_iter().flatten().enumerate();
    items.map(move |(index, item)| (format!("{path}.{field}[{index}]"), item))
}

pub(super) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// A port as a number, required.
pub(super) fn port(number: &Value, path: &str, causes: &mut Vec<Cause>) {
    if !number.as_i64().is_some_and(|number| (1..=65535).contains(&number)) {
        let number = if number.is_null() { &Value::from(0) } else { number };
        causes.push(Cause::invalid(path, number, "must be between 1 and 65535, inclusive"));
    }
}

pub(super) fn one_of(value: &Value, field: &str, path: &str, supported: &[&str], causes: &mut Vec<Cause>) {
    let found = &value[field];
    if !found.is_null() && !found.as_str().is_some_and(|found| supported.contains(&found)) {
        causes.push(Cause::unsupported(format!("{path}.{field}"), found, supported.iter().copied()));
    }
}
