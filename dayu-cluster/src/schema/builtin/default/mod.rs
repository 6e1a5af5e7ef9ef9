//! What the built-in kinds are where nothing is said.

mod pod;
mod service;
mod workload;

use serde_json::{Map, Value, json};

/// Sets the defaults of a built-in kind; other kinds are left alone.
pub fn default(group: &str, kind: &str, value: &mut Value) {
    match (group, kind) {
        ("", "Namespace") => {
            let name = value["metadata"]["name"].clone();
            let metadata = &mut value["metadata"];
            set(metadata, "labels", json!({}));
            set(&mut metadata["labels"], "kubernetes.io/metadata.name", name);
        }
        ("", "Node") => node(value),
        ("", "Pod") => pod::pod(value),
        ("", "PodTemplate") => pod::template(&mut value["template"]),
        ("", "Service") => service::service(value),
        ("", "Secret") => secret(value),
        ("", "Endpoints") => endpoints(value),
        ("", "PersistentVolumeClaim") => {
            set(&mut value["spec"], "volumeMode", "Filesystem");
            set(&mut value["status"], "phase", "Pending");
        }
        ("", "PersistentVolume") => {
            set(&mut value["spec"], "persistentVolumeReclaimPolicy", "Retain");
            set(&mut value["spec"], "volumeMode", "Filesystem");
            set(&mut value["status"], "phase", "Pending");
        }
        ("", "ReplicationController") => workload::replication_controller(value),
        ("apps", "Deployment") => workload::deployment(value),
        ("apps", "ReplicaSet") => workload::replica_set(value),
        ("apps", "DaemonSet") => workload::daemon_set(value),
        ("apps", "StatefulSet") => workload::stateful_set(value),
        ("batch", "Job") => workload::job(value),
        ("batch", "CronJob") => workload::cron_job(value),
        ("discovery.k8s.io", "EndpointSlice") => {
            for port in items(value, "ports") {
                set(port, "protocol", "TCP");
                set(port, "name", "");
            }
        }
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => binding(value),
        ("networking.k8s.io", "NetworkPolicy") => network_policy(value),
        ("scheduling.k8s.io", "PriorityClass") => set_field(value, "preemptionPolicy", "PreemptLowerPriority"),
        ("storage.k8s.io", "StorageClass") => {
            set_field(value, "reclaimPolicy", "Delete");
            set_field(value, "volumeBindingMode", "Immediate");
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(value),
        _ => {}
    }
}

/// What the server completes of its own, owned by nobody. `new`: the object is just being created.
pub(crate) fn complete(group: &str, kind: &str, value: &mut Value, new: bool) {
    match (group, kind) {
        ("", "Pod") if new => pod::admitted(value),
        ("", "Service") => service::families(value),
        ("apps", "Deployment") if new => set(value, "status", json!({})),
        ("", "Event") => event(value, ["source", "firstTimestamp", "lastTimestamp"]),
        ("events.k8s.io", "Event") => {
            event(value, ["deprecatedSource", "deprecatedFirstTimestamp", "deprecatedLastTimestamp"]);
        }
        _ => {}
    }
}

/// What a change of the object's own type takes with it.
pub(crate) fn drop_dependent(group: &str, kind: &str, old: &Value, new: &mut Value) {
    if (group, kind) == ("", "Service") {
        service::drop_dependent(old, new);
    }
}

/// What Go writes of an event whether it is set or not.
fn event(value: &mut Value, [source, first, last]: [&str; 3]) {
    set(value, source, json!({}));
    for time in [first, last, "eventTime"] {
        set_field(value, time, Value::Null);
    }
    if source == "source" {
        set_field(value, "reportingComponent", "");
        set_field(value, "reportingInstance", "");
    }
}

fn node(value: &mut Value) {
    if let Some(spec) = there(value, "spec")
        && let Some(network) = spec.get("podCIDR").filter(|network| *network != "").cloned()
    {
        set(spec, "podCIDRs", json!([network]));
    }
    if let Some(status) = there(value, "status")
        && let Some(capacity) = status.get("capacity").cloned()
    {
        set(status, "allocatable", capacity);
    }
}

/// Built-in kinds have no nulls: what is null is not set.
pub(crate) fn forget_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.values().any(Value::is_null) {
                fields.retain(|_, value| !value.is_null());
            }
            fields.values_mut().for_each(forget_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_nulls),
        _ => {}
    }
}

/// `stringData` is a way to write `data`, never stored.
fn secret(value: &mut Value) {
    use base64::Engine;
    set_field(value, "type", "Opaque");
    let Some(fields) = value.as_object_mut() else { return };
    let Some(Value::Object(texts)) = fields.remove("stringData") else { return };
    let data = fields.entry("data").or_insert_with(|| json!({}));
    for (key, text) in texts {
        let bytes = text.as_str().unwrap_or_default();
        data[key] = base64::engine::general_purpose::STANDARD.encode(bytes).into();
    }
}

fn endpoints(value: &mut Value) {
    for subset in items(value, "subsets") {
        for port in items(subset, "ports") {
            set(port, "protocol", "TCP");
        }
    }
}

fn binding(value: &mut Value) {
    const GROUP: &str = "rbac.authorization.k8s.io";
    set(&mut value["roleRef"], "apiGroup", GROUP);
    for subject in items(value, "subjects") {
        if subject["kind"] != "ServiceAccount" {
            set(subject, "apiGroup", GROUP);
        }
    }
}

fn network_policy(value: &mut Value) {
    let spec = &mut value["spec"];
    let types = if spec["egress"].is_array() { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
    set(spec, "policyTypes", types);
    for rules in ["ingress", "egress"] {
        for rule in items(spec, rules) {
            for port in items(rule, "ports") {
                set(port, "protocol", "TCP");
            }
        }
    }
}

fn definition(value: &mut Value) {
    let spec = &mut value["spec"];
    let kind = spec["names"]["kind"].as_str().unwrap_or_default().to_owned();
    set(&mut spec["names"], "singular", kind.to_lowercase());
    set(&mut spec["names"], "listKind", format!("{kind}List"));
    set(spec, "conversion", json!({ "strategy": "None" }));
}

/// Sets a field of an object where it is missing. What is no object is left alone: validation refuses it.
fn set(object: &mut Value, name: &str, value: impl Into<Value>) {
    if object.is_null() {
        *object = Value::Object(Map::new());
    }
    set_field(object, name, value);
}

fn set_field(object: &mut Value, name: &str, value: impl Into<Value>) {
    let Some(fields) = object.as_object_mut() else { return };
    if !fields.contains_key(name) {
        fields.insert(name.into(), value.into());
    }
}

/// The items of a list in a field, none where there is no list.
fn items<'a>(object: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    object.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten()
}

/// A field that is there.
fn there<'a>(object: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    object.get_mut(name).filter(|value| value.is_object())
}
