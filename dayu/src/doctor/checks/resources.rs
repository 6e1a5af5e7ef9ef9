//! Every resource of our kinds is ready, or says what it waits for.
use dayu_core::api::{JointMultiEdgeService, RuntimeService};
use kube::{Resource, ResourceExt};

use crate::{
    cause::{Said, cause, ready},
    doctor::finding::Finding,
};

const CHECK: &str = "resource";

pub(super) fn runtime_services(services: &[RuntimeService]) -> Vec<Finding> {
    of_kind(services, |service| service.status.iter().flat_map(|status| &status.conditions).map(Said::from).collect())
}

pub(super) fn joint_services(services: &[JointMultiEdgeService]) -> Vec<Finding> {
    of_kind(services, |service| service.status.iter().flat_map(|status| &status.conditions).map(Said::from).collect())
}

fn of_kind<K: Resource<DynamicType = ()>>(objects: &[K], said: impl Fn(&K) -> Vec<Said<'_>>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = objects.iter().filter_map(|object| waits(object, &said(object))).collect();
    let well = objects.len() - findings.len();
    if well > 0 {
        findings.push(Finding::good(CHECK, K::kind(&()).to_lowercase(), format!("{well} ready")));
    }
    findings
}

fn waits<K: Resource<DynamicType = ()>>(object: &K, said: &[Said<'_>]) -> Option<Finding> {
    let namespace = object.namespace().unwrap_or_default();
    let about = format!("{}/{} in {namespace}", K::kind(&()).to_lowercase(), object.name_any());
    if ready(said).is_none() {
        let found = "no global manager has looked at it";
        return Some(Finding::fault(CHECK, about, found, "is one leading? The check `manager` says"));
    }
    let cause = cause(said)?;
    let found = format!("{} does not hold: {}: {}", cause.kind, cause.reason, cause.message);
    Some(Finding::fault(CHECK, about, found, refused(cause.message).unwrap_or_else(|| remedy(cause.reason))))
}

/// What helps where Kubernetes refuses something, by what it says then.
const REFUSALS: [(&str, &str); 7] = [
    (
        "exceeded quota",
        "raise the ResourceQuota that the message names, or delete what uses it up: `kubectl describe quota -n NAMESPACE`",
    ),
    (
        "failed calling webhook",
        "start the program behind the webhook that the message names; if it is gone for good, delete its configuration: `kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations`",
    ),
    (
        "violates PodSecurity",
        "leave out of the spec what the message names, or let the namespace have it: its label pod-security.kubernetes.io/enforce",
    ),
    (
        "error looking up service account",
        "create the service account that the message names, or correct serviceAccountName",
    ),
    ("is being terminated", "wait until the namespace has gone, and create it and the resource anew"),
    ("UnexpectedAdmissionError", "give the device what the message names: something in the spec is not free there"),
    ("OutOf", "free what the message names on the device, or ask for less of it in the spec"),
];

fn refused(message: &str) -> Option<&'static str> {
    REFUSALS.into_iter().find(|(said, _)| message.contains(said)).map(|(_, remedy)| remedy)
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
    fn what_kubernetes_refuses_has_a_remedy_of_its_own() {
        let mut refused = condition("WorkloadReady", "False", "WorkloadNotReady");
        refused["message"] = json!("pods \"w-1\" is forbidden: exceeded quota: small, requested: pods=1");
        let findings = runtime_services(&[service(&json!([refused, condition("Ready", "False", "Pending")]))]);
        assert!(findings[0].state.remedy().unwrap().starts_with("raise the ResourceQuota"), "{findings:?}");
    }

    #[test]
    fn one_that_nobody_has_looked_at_is_a_fault() {
        assert!(runtime_services(&[service(&json!([]))])[0].is_fault());
    }
}
