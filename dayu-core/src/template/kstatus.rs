//! What kstatus makes of a resource, by its published rules: whatever waits with it (flux, kpt, `cli-utils`) sees this.
use serde::Serialize;
use serde_json::Value;

/// The rules that hold for any kind, in their order.
pub(super) fn of(resource: &impl Serialize) -> &'static str {
    let resource = serde_json::to_value(resource).unwrap();
    let (metadata, status) = (&resource["metadata"], &resource["status"]);
    if metadata["deletionTimestamp"].is_string() {
        return "Terminating";
    }
    let observed = &status["observedGeneration"];
    if !observed.is_null() && observed != &metadata["generation"] {
        return "InProgress";
    }
    let conditions = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let told = |kind: &str| conditions.iter().find(|condition| condition["type"] == kind).map(|told| &told["status"]);
    let holds = |kind| told(kind).is_some_and(|status| status == &Value::from("True"));
    match told("Ready") {
        _ if holds("Reconciling") => "InProgress",
        _ if holds("Stalled") => "Failed",
        Some(_) if !holds("Ready") => "InProgress",
        _ => "Current",
    }
}
