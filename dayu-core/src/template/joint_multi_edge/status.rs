//! What a JointMultiEdgeService's status tells: how many of its workers run, and what the others lack.
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::{
    api::{
        JointMultiEdgeService, JointMultiEdgeServiceStatus,
        condition::{self, READY, Verdict},
        joint_multi_edge::JointCondition,
    },
    template::{Failure, Observed, Slot, WorkerState},
};

const RUNNING: &str = "Running";
const FAILED: &str = "Failed";

pub(super) fn derive(service: &JointMultiEdgeService, observed: &Observed) -> JointMultiEdgeServiceStatus {
    let stored = service.status.clone().unwrap_or_default();
    let generation = service.metadata.generation.unwrap_or_default();
    let count = |which: fn(&WorkerState) -> bool| {
        i32::try_from(observed.workers.values().filter(|worker| which(worker)).count()).unwrap_or(i32::MAX)
    };
    let (active, failed) = (count(WorkerState::runs), count(WorkerState::is_in_trouble));
    let running = running(observed);
    let mut verdicts = vec![ready(observed, &running), running, failure(observed)];
    if let Some(Failure::Rejected(rejection)) = &observed.failure {
        verdicts.extend(rejection.stalled());
    }
    JointMultiEdgeServiceStatus {
        observed_generation: Some(generation),
        conditions: conditions(&stored.conditions, verdicts, generation, observed.now),
        start_time: stored.start_time.or(Some(Time(observed.now))),
        active,
        failed,
        metrics: stored.metrics,
    }
}

/// Neither ready nor in trouble.
pub(super) fn is_on_its_way(status: &JointMultiEdgeServiceStatus) -> bool {
    let holds = |kind: &str| status.conditions.iter().any(|known| known.kind == kind && known.status == "True");
    !holds(READY) && !holds(FAILED)
}

fn running(observed: &Observed) -> Verdict {
    let waiting: Vec<_> = observed
        .plan
        .workers
        .iter()
        .filter(|planned| !observed.workers.get(&planned.slot).is_some_and(WorkerState::runs))
        .map(|planned| lack(&planned.slot, observed.workers.get(&planned.slot)))
        .collect();
    match (&observed.failure, observed.plan.workers.len()) {
        (Some(Failure::Rejected(rejection)), _) => {
            Verdict::new(RUNNING, false, rejection.reason, rejection.to_string())
        }
        (_, 0) => Verdict::new(RUNNING, false, "NoWorkers", "neither edgeWorker nor cloudWorker says what to run"),
        (_, planned) if waiting.is_empty() => {
            Verdict::new(RUNNING, true, "WorkersRunning", format!("all {planned} workers run"))
        }
        (_, planned) => {
            let message = format!("{} of {planned} workers do not run: {}", waiting.len(), waiting.join("; "));
            Verdict::new(RUNNING, false, "WorkersNotRunning", message)
        }
    }
}

/// What keeps the worker of `slot` from running.
fn lack(slot: &Slot, worker: Option<&WorkerState>) -> String {
    let place = slot.device.as_ref().map(|device| format!(" on {device}")).unwrap_or_default();
    let who = format!("{} worker {}{place}", slot.role, slot.ordinal);
    let Some(worker) = worker.filter(|worker| worker.deployment.is_some()) else {
        return format!("{who} has no deployment yet");
    };
    let trouble = worker.pods.iter().find_map(|pod| pod.trouble.as_ref().map(|trouble| (&pod.pod.name, trouble)));
    match (trouble, worker.pods.first()) {
        (Some((pod, trouble)), _) => format!("{who}: pod {pod}: {trouble}"),
        (None, Some(pod)) if runs_elsewhere(worker) => format!("{who}: pod {} is being replaced", pod.pod.name),
        (None, Some(pod)) => format!("{who}: pod {} is {}, not ready", pod.pod.name, pod.phase),
        (None, None) => match &worker.trouble {
            Some(trouble) => format!("{who}: deployment: {trouble}"),
            None => format!("{who} has no pod yet"),
        },
    }
}

/// A ready pod of an older template: the rollout is under way.
fn runs_elsewhere(worker: &WorkerState) -> bool {
    !worker.rolled_out && worker.pods.iter().any(|pod| pod.ready)
}

fn failure(observed: &Observed) -> Verdict {
    let troubled = || observed.workers.iter().filter(|(_, worker)| worker.is_in_trouble());
    match &observed.failure {
        Some(Failure::Rejected(rejection)) => Verdict::new(FAILED, true, rejection.reason, rejection.to_string()),
        Some(Failure::Refused { child, message }) => {
            Verdict::new(FAILED, true, "ReconcileFailed", format!("{child}: {message}"))
        }
        None if troubled().next().is_some() => {
            let all: Vec<_> = troubled().map(|(slot, worker)| lack(slot, Some(worker))).collect();
            Verdict::new(FAILED, true, "workerFailed", all.join("; "))
        }
        None => Verdict::new(FAILED, false, "NoFailure", "no worker is in trouble"),
    }
}

fn ready(observed: &Observed, running: &Verdict) -> Verdict {
    let unreachable =
        observed.plan.services.iter().filter_map(|service| service.metadata.name.as_deref()).find(|name| {
            observed.services.get(*name).is_none_or(|state| state.service.is_none() || state.ready.is_empty())
        });
    match (&observed.failure, unreachable) {
        _ if !running.holds => Verdict::new(READY, false, running.reason.clone(), running.message.clone()),
        (Some(Failure::Refused { child, message }), _) => {
            Verdict::new(READY, false, "ReconcileFailed", format!("{child}: {message}"))
        }
        (_, Some(name)) => {
            Verdict::new(READY, false, "EndpointsNotReady", format!("service {name} has no ready address yet"))
        }
        _ => Verdict::new(READY, true, READY, "all workers run and are reachable"),
    }
}

/// Conditions with the heartbeat that this kind has beside what Kubernetes' own hold.
fn conditions(
    stored: &[JointCondition],
    verdicts: Vec<Verdict>,
    generation: i64,
    now: Timestamp,
) -> Vec<JointCondition> {
    let known: Vec<Condition> = stored.iter().map(standard).collect();
    let derived = condition::derive(&known, verdicts, generation, now);
    derived.into_iter().map(|condition| joint(condition, stored, now)).collect()
}

fn standard(condition: &JointCondition) -> Condition {
    Condition {
        type_: condition.kind.clone(),
        status: condition.status.clone(),
        observed_generation: condition.observed_generation,
        last_transition_time: condition.last_transition_time.clone().unwrap_or(Time(Timestamp::UNIX_EPOCH)),
        reason: condition.reason.clone(),
        message: condition.message.clone(),
    }
}

fn joint(condition: Condition, stored: &[JointCondition], now: Timestamp) -> JointCondition {
    let unchanged =
        stored.iter().find(|old| standard(old) == condition).and_then(|old| old.last_heartbeat_time.clone());
    JointCondition {
        kind: condition.type_,
        status: condition.status,
        observed_generation: condition.observed_generation,
        last_heartbeat_time: unchanged.or(Some(Time(now))),
        last_transition_time: Some(condition.last_transition_time),
        reason: condition.reason,
        message: condition.message,
    }
}
