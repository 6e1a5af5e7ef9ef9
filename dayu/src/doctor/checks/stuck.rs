//! What is being deleted goes.
use dayu_core::api::label;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::core::v1::{Namespace, Pod},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::ResourceExt;

use crate::doctor::finding::Finding;

/// Deletion may take so long beyond the grace that it was given.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

pub(super) fn namespaces(namespaces: &[Namespace], now: Timestamp) -> Vec<Finding> {
    namespaces.iter().filter_map(|namespace| one_namespace(namespace, now)).collect()
}

fn one_namespace(namespace: &Namespace, now: Timestamp) -> Option<Finding> {
    let late = lateness(&namespace.metadata, now)?;
    let conditions = namespace.status.as_ref().and_then(|status| status.conditions.as_ref());
    let holds = conditions.into_iter().flatten().filter(|condition| condition.status == "True");
    let holds: Vec<&str> = holds.filter_map(|condition| condition.message.as_deref()).collect();
    let why = if holds.is_empty() { "the API does not say what holds it".to_owned() } else { holds.join("; ") };
    let found = format!("has been going for {late} s: {why}");
    let remedy = "let whoever put a finalizer there run until it is done; take a finalizer away by hand only if that program is gone for good";
    Some(Finding::fault("namespace", namespace.name_any(), found, remedy))
}

/// Workers of ours that should be gone.
pub(super) fn pods(pods: &[Pod], now: Timestamp) -> Vec<Finding> {
    pods.iter().filter(|pod| is_worker(pod)).filter_map(|pod| one_pod(pod, now)).collect()
}

fn one_pod(pod: &Pod, now: Timestamp) -> Option<Finding> {
    let late = lateness(&pod.metadata, now)?;
    let device = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or("its device");
    let found = format!("should have ended {late} s ago, and {device} does not confirm that it has");
    let remedy = format!(
        "bring {device} back, or `kubectl delete node {device}` if it is gone for good; forcing the pod's deletion leaves its processes running"
    );
    let about = format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any());
    Some(Finding::fault("worker", about, found, remedy))
}

/// Whether a pod is a child of one of our kinds.
pub(super) fn is_worker(pod: &Pod) -> bool {
    let labels = pod.labels();
    labels.contains_key(label::RUNTIME_SERVICE_UID) || labels.contains_key(label::JOINT_NAME)
}

/// For how many seconds an object has been going, if that is too long. A pod's moment already has its grace in it.
fn lateness(metadata: &ObjectMeta, now: Timestamp) -> Option<i64> {
    let late = now.duration_since(metadata.deletion_timestamp.as_ref()?.0);
    (late > PATIENCE).then_some(late.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: &str = "2026-01-01T00:05:00Z";

    fn namespace(deleted: Option<&str>) -> Namespace {
        let conditions = json!([
            {"type": "NamespaceFinalizersRemaining", "status": "True", "message": "pods has 1: example.io/guard"},
            {"type": "NamespaceDeletionContentFailure", "status": "False", "message": "all deleted"},
        ]);
        let metadata = json!({"name": "shop", "deletionTimestamp": deleted});
        serde_json::from_value(json!({"metadata": metadata, "status": {"conditions": conditions}})).unwrap()
    }

    fn pod(deleted: Option<&str>, ours: bool) -> Pod {
        let labels = if ours { json!({"dayu.io/runtime-service-uid": "1"}) } else { json!({}) };
        let metadata = json!({"name": "w", "namespace": "shop", "labels": labels, "deletionTimestamp": deleted});
        serde_json::from_value(json!({"metadata": metadata, "spec": {"nodeName": "edge1", "containers": []}})).unwrap()
    }

    #[test]
    fn what_stays_or_has_only_begun_to_go_is_well() {
        let now = NOW.parse().unwrap();
        for moment in [None, Some("2026-01-01T00:04:30Z")] {
            assert_eq!(namespaces(&[namespace(moment)], now), []);
            assert_eq!(pods(&[pod(moment, true)], now), []);
        }
    }

    #[test]
    fn a_namespace_tells_what_holds_it() {
        let findings = namespaces(&[namespace(Some("2026-01-01T00:00:00Z"))], NOW.parse().unwrap());
        assert!(findings[0].is_fault() && findings[0].found.contains("300 s"), "{findings:?}");
        assert!(findings[0].found.contains("example.io/guard") && !findings[0].found.contains("all deleted"));
    }

    #[test]
    fn a_worker_names_the_device_that_does_not_confirm() {
        let (now, long_ago) = (NOW.parse().unwrap(), Some("2026-01-01T00:00:00Z"));
        let findings = pods(&[pod(long_ago, true)], now);
        assert!(findings[0].is_fault() && findings[0].found.contains("edge1"), "{findings:?}");
        assert_eq!(pods(&[pod(long_ago, false)], now), [], "others' pods are not our matter");
    }
}
