//! The conditions of a pod, as a kubelet would say them: what is missing, and why if that is known.
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::core::v1::{PodCondition, PodStatus},
    apimachinery::pkg::apis::meta::v1::Time,
};

use super::{
    Container, Phase, State,
    status::{Facts, passed},
};

/// A worker that is not ready after so long does not just come up.
const SLOW: SignedDuration = SignedDuration::from_secs(5);

/// Those of a pod in `phase`; one that has not changed since `before` keeps its time, and those of others are left.
pub(super) fn conditions(
    state: &State,
    init: &[&Container],
    main: &[&Container],
    phase: &str,
    facts: Facts<'_>,
    before: Option<&PodStatus>,
    now: Timestamp,
) -> Vec<PodCondition> {
    let missing = |containers: &[&Container], has: fn(&Container) -> bool| -> Vec<Missing> {
        let missing = containers.iter().filter(|container| !has(container));
        let why = |container: &Container| refusal(container, facts, now).or_else(|| failure(container, facts));
        missing.map(|container| Missing { name: container.name.to_string(), why: why(container) }).collect()
    };
    let (unready, unfinished) = (missing(main, Container::is_ready), missing(init, passed));
    let ended = match phase {
        "Succeeded" => Some("PodCompleted"),
        "Failed" => Some("PodFailed"),
        _ => None,
    };
    let begun = state.containers.iter().any(|container| container.attempt > 0);
    let readiness = verdict("containers with unready status", &unready, ended.unwrap_or("ContainersNotReady"));
    let wanted = [
        ("PodReadyToStartContainers", (begun, None, None)),
        ("Initialized", verdict("containers with incomplete status", &unfinished, "ContainersNotInitialized")),
        ("Ready", readiness.clone()),
        ("ContainersReady", readiness),
        ("PodScheduled", (true, None, None)),
    ];
    let old = before.and_then(|before| before.conditions.as_deref()).unwrap_or_default();
    let mut conditions: Vec<PodCondition> =
        old.iter().filter(|old| wanted.iter().all(|(kind, _)| *kind != old.type_)).cloned().collect();
    conditions.extend(wanted.into_iter().map(|(kind, (holds, reason, message))| {
        let status = if holds { "True" } else { "False" };
        let old = old.iter().find(|old| old.type_ == kind && old.status == status);
        PodCondition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason,
            message,
            last_transition_time: old.and_then(|old| old.last_transition_time.clone()).or(Some(Time(now))),
            ..PodCondition::default()
        }
    }));
    conditions
}

type Verdict = (bool, Option<String>, Option<String>);

/// A container that is not as it should be, and why, if that is known.
struct Missing {
    name: String,
    why: Option<String>,
}

/// True if nothing is `missing`, else False with what is.
fn verdict(what: &str, missing: &[Missing], reason: &str) -> Verdict {
    if missing.is_empty() {
        return (true, None, None);
    }
    let names: Vec<&str> = missing.iter().map(|missing| &*missing.name).collect();
    let list = format!("{what}: [{}]", names.join(" "));
    let message = std::iter::once(list)
        .chain(missing.iter().filter_map(|missing| missing.why.clone()))
        .collect::<Vec<_>>()
        .join("; ");
    (false, Some(reason.to_owned()), Some(message))
}

/// Why a container that runs is not ready yet, once it has had the time for it.
fn refusal(container: &Container, facts: Facts<'_>, now: Timestamp) -> Option<String> {
    let Phase::Running(life) = &container.phase else { return None };
    let why = facts.refused.get(&container.run()).filter(|_| now.duration_since(life.since) >= SLOW)?;
    let logs = facts.logs(&container.name);
    Some(format!("{} runs, but its readiness probe fails: {why}; {logs} may tell more", container.name))
}

/// How the last run of a container failed, if it did, and what it said last.
fn failure(container: &Container, facts: Facts<'_>) -> Option<String> {
    let (run, ended) = container.ends().next().filter(|(_, ended)| !ended.cause.is_success())?;
    Some(facts.failure(&run, ended.cause))
}
