//! Nodes, events, and what holds data.

use jiff::Timestamp;
use serde_json::Value;

use crate::table::column::Column;
use crate::table::scalar::{age_of, number, or};

pub(super) fn node() -> Vec<Column> {
    vec![
        Column::name(),
        Column::new("Status", "string", node_status),
        Column::new("Roles", "string", roles),
        Column::age(),
        Column::text("Version", "/status/nodeInfo/kubeletVersion", ""),
        Column::new("Internal-IP", "string", |node, _| address(node, "InternalIP")).wide(),
        Column::new("External-IP", "string", |node, _| address(node, "ExternalIP")).wide(),
        Column::text("OS-Image", "/status/nodeInfo/osImage", "<unknown>").wide(),
        Column::text("Kernel-Version", "/status/nodeInfo/kernelVersion", "<unknown>").wide(),
        Column::text("Container-Runtime", "/status/nodeInfo/containerRuntimeVersion", "<unknown>").wide(),
    ]
}

fn node_status(node: &Value, _: Timestamp) -> Value {
    let conditions = node["status"]["conditions"].as_array().into_iter().flatten();
    let ready = conditions.into_iter().find(|condition| condition["type"] == "Ready");
    let mut status = match ready.map(|condition| condition["status"] == "True") {
        Some(true) => "Ready",
        Some(false) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if node["spec"]["unschedulable"] == true {
        status.push_str(",SchedulingDisabled");
    }
    status.into()
}

fn roles(node: &Value, _: Timestamp) -> Value {
    let labels = node["metadata"]["labels"].as_object().into_iter().flatten();
    let mut roles: Vec<&str> = labels
        .filter_map(|(name, value)| match name.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => Some(role),
            None if name == "kubernetes.io/role" => value.as_str(),
            None => None,
        })
        .filter(|role| !role.is_empty())
        .collect();
    roles.sort_unstable();
    roles.dedup();
    if roles.is_empty() { "<none>".into() } else { roles.join(",").into() }
}

fn address(node: &Value, kind: &str) -> Value {
    let addresses = node["status"]["addresses"].as_array().into_iter().flatten();
    addresses
        .into_iter()
        .find(|address| address["type"] == kind)
        .map_or("<none>", |one| or(&one["address"], "<none>"))
        .into()
}

/// How many entries there are.
pub(super) fn data() -> Column {
    Column::new("Data", "string", |object, _| {
        let count = |field: &str| object[field].as_object().map_or(0, serde_json::Map::len);
        (count("data") + count("binaryData")).into()
    })
}

pub(super) fn service_account() -> Vec<Column> {
    vec![Column::name(), Column::age()]
}

/// Both groups' events: a field has one of two names.
pub(super) fn event() -> Vec<Column> {
    vec![
        Column::new("Last Seen", "string", last_seen),
        Column::text("Type", "/type", ""),
        Column::text("Reason", "/reason", ""),
        Column::new("Object", "string", |event, _| {
            let object = either(event, "involvedObject", "regarding");
            format!("{}/{}", or(&object["kind"], "").to_lowercase(), or(&object["name"], "")).into()
        }),
        Column::new("Subobject", "string", |event, _| {
            or(&either(event, "involvedObject", "regarding")["fieldPath"], "").into()
        })
        .wide(),
        Column::new("Source", "string", source).wide(),
        Column::new("Message", "string", |event, _| or(either(event, "message", "note"), "").trim().into()),
        Column::new("First Seen", "string", first_seen).wide(),
        Column::new("Count", "string", count).wide(),
        Column::name().wide(),
    ]
}

fn either<'a>(event: &'a Value, core: &str, new: &str) -> &'a Value {
    event.get(core).unwrap_or(&event[new])
}

fn first_seen(event: &Value, now: Timestamp) -> Value {
    match either(event, "firstTimestamp", "deprecatedFirstTimestamp") {
        Value::Null => age_of(&event["eventTime"], now),
        time => age_of(time, now),
    }
}

fn last_seen(event: &Value, now: Timestamp) -> Value {
    let series = &event["series"]["lastObservedTime"];
    match either(event, "lastTimestamp", "deprecatedLastTimestamp") {
        _ if series.is_string() => age_of(series, now),
        Value::Null => first_seen(event, now),
        time => age_of(time, now),
    }
}

fn count(event: &Value, _: Timestamp) -> Value {
    match (&event["series"]["count"], number(either(event, "count", "deprecatedCount"))) {
        (Value::Number(count), _) => Value::Number(count.clone()),
        (_, 0) => 1.into(),
        (_, count) => count.into(),
    }
}

fn source(event: &Value, _: Timestamp) -> Value {
    let source = either(event, "source", "deprecatedSource");
    let component = or(&source["component"], or(either(event, "reportingComponent", "reportingController"), ""));
    let host = or(&source["host"], or(&event["reportingInstance"], ""));
    if host.is_empty() { component.into() } else { format!("{component}, {host}").into() }
}

pub(super) fn binding() -> Vec<Column> {
    vec![
        Column::name(),
        Column::new("Role", "string", |binding, _| {
            let role = &binding["roleRef"];
            format!("{}/{}", or(&role["kind"], ""), or(&role["name"], "")).into()
        }),
        Column::age(),
        Column::new("Users", "string", |binding, _| subjects(binding, "User")).wide(),
        Column::new("Groups", "string", |binding, _| subjects(binding, "Group")).wide(),
        Column::new("ServiceAccounts", "string", |binding, _| subjects(binding, "ServiceAccount")).wide(),
    ]
}

fn subjects(binding: &Value, kind: &str) -> Value {
    let subjects = binding["subjects"].as_array().into_iter().flatten();
    let names: Vec<String> = subjects
        .filter(|subject| subject["kind"] == kind)
        .map(|subject| match subject["namespace"].as_str() {
            Some(namespace) => format!("{namespace}/{}", or(&subject["name"], "")),
            None => or(&subject["name"], "").into(),
        })
        .collect();
    names.join(", ").into()
}
