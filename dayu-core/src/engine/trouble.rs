//! What Kubernetes' objects say of how they fare, each in its own way.
use super::{children::RUNNING, view};
use crate::template::Trouble;

impl view::Deployment {
    /// Whether no pod of an earlier generation is left. How ready the others are they say themselves, and sooner than their
    /// controllers count them.
    pub(super) fn is_rolled_out(&self) -> bool {
        let (status, generation) = (&self.status, self.metadata.generation.unwrap_or_default());
        let counted = status.observed_generation >= generation && status.replicas == status.updated_replicas;
        generation == 1 || counted
    }

    /// What keeps its pods from being made: a quota, a service account that is not there.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.status.conditions.iter().find(|c| c.kind == "ReplicaFailure" && c.status == "True")?.told()
    }
}

impl view::Pod {
    pub(super) fn is_ready(&self) -> bool {
        let status = &self.status;
        let condition =
            status.conditions.iter().any(|condition| condition.kind == "Ready" && condition.status == "True");
        let containers = status.container_statuses.len() == self.spec.containers.len()
            && status.container_statuses.iter().all(|container| container.ready);
        status.phase == RUNNING && condition && containers
    }

    /// The first container that says why it is not ready, else the pod itself, else why it is not bound, else what the probe of
    /// one that runs meets.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        let containers = self.status.container_statuses.iter().filter(|container| !container.ready);
        let of_container = containers.filter_map(|container| {
            let why = container.state.waiting.as_ref().or(container.state.terminated.as_ref())?;
            let message = why.message.clone().unwrap_or_default();
            Some(Trouble::new(why.reason.clone()?, format!("container {}: {message}", container.name)))
        });
        let of_pod = self.status.reason.as_ref();
        let of_pod = of_pod.map(|reason| Trouble::new(reason, self.status.message.clone().unwrap_or_default()));
        let unbound = self.status.conditions.iter().find(|c| c.kind == "PodScheduled" && c.status == "False");
        let told = of_container.into_iter().next().or(of_pod).or(unbound.and_then(view::Condition::told));
        told.or_else(|| self.refusal())
    }

    /// Why a pod that runs is not ready. A kubelet names the containers, whose probes a worker that just comes up fails as
    /// well; a local manager also says, once that takes long, which probe was answered with what.
    fn refusal(&self) -> Option<Trouble> {
        let is_unready = |c: &&view::Condition| c.kind == "Ready" && c.status == "False";
        let Trouble { reason, message } = self.status.conditions.iter().find(is_unready)?.told()?;
        let (_, why) = message.split_once("]; ").filter(|_| self.status.phase == RUNNING)?;
        Some(Trouble::new(reason, why))
    }
}

impl view::Condition {
    /// Reason and message, where there is a reason.
    fn told(&self) -> Option<Trouble> {
        Some(Trouble { reason: self.reason.clone()?, message: self.message.clone().unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rollout_is_over_when_no_earlier_pod_is_counted_or_there_never_was_one() {
        let rolled_out = |generation: i64, observed: i64, replicas: i32, updated: i32| {
            let status = json!({"observedGeneration": observed, "replicas": replicas, "updatedReplicas": updated});
            let deployment = json!({"metadata": {"generation": generation}, "status": status});
            serde_json::from_value::<view::Deployment>(deployment).unwrap().is_rolled_out()
        };
        assert!(rolled_out(1, 0, 0, 0), "the first");
        assert!(!rolled_out(2, 1, 1, 1), "not seen yet");
        assert!(!rolled_out(2, 2, 1, 0) && !rolled_out(2, 2, 2, 1), "earlier pods are left");
        assert!(rolled_out(2, 2, 1, 1));
    }

    #[test]
    fn a_pod_that_runs_tells_what_its_probe_meets_once_somebody_knows() {
        let trouble = |phase: &str, message: &str| {
            let ready = json!({"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": message});
            let status = json!({"phase": phase, "conditions": [ready], "containerStatuses": [
                {"name": "c", "ready": false, "state": {"running": {}}},
            ]});
            serde_json::from_value::<view::Pod>(json!({"metadata": {}, "status": status})).unwrap().trouble()
        };
        assert_eq!(trouble("Running", "containers with unready status: [c]"), None, "it comes up");
        let known =
            "containers with unready status: [c]; c runs, but its readiness probe fails: 127.64.1.2:9000: refused";
        let Trouble { reason, message: why } = trouble("Running", known).unwrap();
        assert_eq!(
            (&*reason, why.starts_with("c runs, but its readiness probe fails: ")),
            ("ContainersNotReady", true)
        );
        assert_eq!(trouble("Pending", known), None);
    }
}
