mod apply;
mod properties;
mod strategic;
mod update;

use serde_json::Value;

use super::*;
use crate::schema::{Node, builtin};
use std::sync::Arc;

fn deployments() -> Arc<Node> {
    builtin::node("apps", "v1", "Deployment").unwrap()
}

fn writer(manager: &str) -> Writer<'_> {
    Writer { manager, api_version: "apps/v1", part: Part::WithoutStatus, now: "2026-01-01T00:00:00Z" }
}

/// The `fieldsV1` of one manager.
fn owned(object: &Value, manager: &str) -> Value {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    entries
        .into_iter()
        .find(|entry| entry["manager"] == manager)
        .map(|entry| entry["fieldsV1"].clone())
        .unwrap_or_default()
}
