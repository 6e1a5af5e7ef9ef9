//! Every resource of our kinds is ready, or says what it waits for.
use dayu_core::api::{JointMultiEdgeService, RuntimeService, condition::READY, joint_multi_edge::JointCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{Resource, ResourceExt};

use crate::doctor::finding::Finding;

const CHECK: &str = "resource";

pub(super) fn runtime_services(services: &[RuntimeService]) -> Vec<Finding> {
    of_kind(services, |service| service.status.iter().flat_map(|status| &status.conditions).map(Said::from).collect())
}

pub(super) fn joint_services(services: &[JointMultiEdgeService]) -> Vec<Finding> {
    of_kind(services, |service| service.status.iter().flat_map(|status| &status.conditions).map(Said::from).collect())
}

/// A condition of either kind.
struct Said<'a> {
    kind: &'a str,
    holds: bool,
    reason: &'a str,
    message: &'a str,
}

impl<'a> From<&'a Condition> for Said<'a> {
    fn from(condition: &'a Condition) -> Self {
        let Condition { type_, status, reason, message, .. } = condition;
        Self { kind: type_, holds: status == "True", reason, message }
    }
}

impl<'a> From<&'a JointCondition> for Said<'a> {
    fn from(condition: &'a JointCondition) -> Self {
        let JointCondition { kind, status, reason, message, .. } = condition;
        Self { kind, holds: status == "True", reason, message }
    }
}

fn of_kind<K: Resource<DynamicType = ()>>(objects: &[K], said: impl Fn(&K) -> Vec<Said<'_>>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = objects.iter().filter_map(|object| waits(object, &said(object))).collect();
    let well = objects.len() - findings.len();
    if well > 0 {
        findings.push(Finding::good(CHECK, K::kind(&()).to_lowercase(), format!("{well} ready")));
    }
    findings
}

/// The first condition that keeps an object from being ready: the others follow from it.
fn waits<K: Resource<DynamicType = ()>>(object: &K, said: &[Said<'_>]) -> Option<Finding> {
    let namespace = object.namespace().unwrap_or_default();
    let about = format!("{}/{} in {namespace}", K::kind(&()).to_lowercase(), object.name_any());
    // The last one counts: Sedna appended conditions instead of updating them.
    let Some(ready) = said.iter().rev().find(|condition| condition.kind == READY) else {
        let found = "no global manager has looked at it";
        return Some(Finding::fault(CHECK, about, found, "is one leading? The check `manager` says"));
    };
    if ready.holds {
        return None;
    }
    // `Failed` is the one that is well when it does not hold.
    let cause = said.iter().find(|condition| !condition.holds && condition.kind != "Failed").unwrap_or(ready);
    let found = format!("{} does not hold: {}: {}", cause.kind, cause.reason, cause.message);
    Some(Finding::fault(CHECK, about, found, remedy(cause.reason)))
}

fn remedy(reason: &str) -> &'static str {
    match reason {
        "InvalidSpec" => "correct the field that the message names",
        "NodeNotFound" => "correct the device's name, or let that device join",
        "DeviceNamesCollide" => "rename one of the two devices",
        "ReconcileFailed" => "the API refused a child: do what the message says; it is tried again by itself",
        "NodeNotReady" => "bring the device back",
        "WorkloadNotReady" | "WorkersNotRunning" => "look at the worker: `dayu get pods`, `dayu logs POD`",
        "EndpointNotReady" | "EndpointsNotReady" => "does the worker listen on POD_IP and the port of its spec?",
        "AwaitingNodeAck" => "does the mesh of the device run, and is its route applied? `dayu explain SERVICE`",
        "ActivationDispatchFailed" => "does the local manager of the device run, and does it reach the global manager?",
        _ => "`kubectl describe` it: conditions and events say more",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn service(conditions: &Value) -> RuntimeService {
        let mut value = serde_json::to_value(RuntimeService::new("w", Default::default())).unwrap();
        value["metadata"]["namespace"] = json!("shop");
        value["status"] = json!({"conditions": conditions});
        serde_json::from_value(value).unwrap()
    }

    fn condition(kind: &str, status: &str, reason: &str) -> Value {
        let since = "2026-01-01T00:00:00Z";
        json!({"type": kind, "status": status, "reason": reason, "message": "why", "lastTransitionTime": since})
    }

    #[test]
    fn those_that_are_ready_are_counted() {
        let ready = service(&json!([condition("Ready", "True", "Ready")]));
        let findings = runtime_services(&[ready.clone(), ready]);
        assert_eq!(findings, [Finding::good("resource", "runtimeservice", "2 ready")]);
        assert_eq!(runtime_services(&[]), []);
        assert_eq!(joint_services(&[]), []);
    }

    #[test]
    fn the_first_cause_is_told_with_its_remedy() {
        let waiting = service(&json!([
            condition("SpecAccepted", "True", "SpecAccepted"),
            condition("NodeReady", "False", "NodeNotReady"),
            condition("Ready", "False", "ReadinessGatesPending"),
        ]));
        let findings = runtime_services(&[waiting]);
        assert_eq!(findings[0].about, "runtimeservice/w in shop");
        assert_eq!(findings[0].found, "NodeReady does not hold: NodeNotReady: why");
        assert_eq!(findings[0].state.remedy(), Some("bring the device back"));
    }

    #[test]
    fn one_that_nobody_has_looked_at_is_a_fault() {
        assert!(runtime_services(&[service(&json!([]))])[0].is_fault());
    }
}
