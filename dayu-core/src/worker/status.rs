//! What a pod's status says about a worker, as a kubelet would.
use std::collections::HashMap;

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{
        ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus,
        HostIP, PodIP, PodSpec, PodStatus,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};

use super::{Cause, Container, Ended, Phase, Problem, RestartPolicy, Run, Spec, State, conditions::conditions};

/// Reasons that a container waits or ended for, beside those that a [`Problem`] brings.
pub mod reason {
    /// Containers before it have not ended.
    pub const INITIALISING: &str = "PodInitializing";
    /// It is being started.
    pub const CREATING: &str = "ContainerCreating";
    /// It is left alone for a while, because it keeps ending.
    pub const BACK_OFF: &str = "CrashLoopBackOff";
    /// It ended with 0.
    pub const COMPLETED: &str = "Completed";
    /// It ended otherwise.
    pub const ERROR: &str = "Error";
    /// It ended while nobody looked.
    pub const UNKNOWN: &str = "ContainerStatusUnknown";
}

/// What only the driver knows.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The pod's namespace.
    pub namespace: &'a str,
    /// The pod's name.
    pub name: &'a str,
    /// The runtime's name, for containers' IDs.
    pub runtime: &'a str,
    /// The worker's address.
    pub pod_ip: &'a str,
    /// The device's address.
    pub host_ip: &'a str,
    /// When the driver first saw the pod.
    pub accepted: Timestamp,
    /// The last line that runs wrote, of those that failed.
    pub said: &'a HashMap<Run, String>,
    /// Why the latest readiness probe of a run failed, if it did.
    pub refused: &'a HashMap<Run, String>,
}

impl Facts<'_> {
    /// How a run failed, what it said last where that is known, and where the rest is.
    pub(super) fn failure(&self, run: &Run, cause: Cause) -> String {
        let last = self.said.get(run).filter(|line| !line.is_empty());
        let last = last.map(|line| format!(": {line}")).unwrap_or_default();
        let (name, code, logs) = (&run.container, cause.exit_code(), self.logs(&run.container));
        format!("{name} ended with exit code {code}{last}; {logs} has the rest")
    }

    /// What shows a container's output.
    pub(super) fn logs(&self, container: &str) -> String {
        format!("`dayu logs {} -n {} -c {container}`", self.name, self.namespace)
    }
}

/// The status of the pod `pod` whose worker is as `state` says. Conditions that have not changed since `before` keep their
/// time, and those that others keep there are left.
#[must_use]
pub fn status(
    pod: &PodSpec,
    spec: &Spec,
    state: &State,
    facts: Facts<'_>,
    before: Option<&PodStatus>,
    now: Timestamp,
) -> PodStatus {
    let (init, main): (Vec<&Container>, Vec<&Container>) = state
        .containers
        .iter()
        .partition(|container| spec.container(&container.name).is_some_and(|container| container.init));
    let statuses = |containers: &[&Container]| {
        let statuses: Vec<ContainerStatus> =
            containers.iter().map(|container| container_status(pod, container, facts)).collect();
        (!statuses.is_empty()).then_some(statuses)
    };
    let phase = phase(spec, &init, &main);
    PodStatus {
        phase: Some(phase.to_owned()),
        conditions: Some(conditions(state, &init, &main, phase, facts, before, now)),
        host_ip: Some(facts.host_ip.to_owned()),
        host_ips: Some(vec![HostIP { ip: facts.host_ip.to_owned() }]),
        pod_ip: Some(facts.pod_ip.to_owned()),
        pod_ips: Some(vec![PodIP { ip: facts.pod_ip.to_owned() }]),
        start_time: Some(Time(facts.accepted)),
        qos_class: before.and_then(|before| before.qos_class.clone()),
        init_container_statuses: statuses(&init),
        container_statuses: statuses(&main),
        ..PodStatus::default()
    }
}

pub(super) fn passed(container: &Container) -> bool {
    matches!(&container.phase, Phase::Ended(ended) if ended.cause.is_success())
}

fn phase(spec: &Spec, init: &[&Container], main: &[&Container]) -> &'static str {
    let ended_badly = |container: &&Container| container.is_over() && !passed(container);
    if spec.restart == RestartPolicy::Never && init.iter().any(ended_badly) {
        return "Failed";
    }
    if main.iter().all(|container| container.is_over()) {
        return if main.iter().any(ended_badly) { "Failed" } else { "Succeeded" };
    }
    let ran = |container: &&Container| {
        container.last.is_some()
            || matches!(
                container.phase,
                Phase::Running(_) | Phase::Stopping { .. } | Phase::Lost { life: Some(_), .. } | Phase::Ended(_)
            )
    };
    if main.iter().all(ran) { "Running" } else { "Pending" }
}

fn container_status(pod: &PodSpec, container: &Container, facts: Facts<'_>) -> ContainerStatus {
    let all = pod.init_containers.iter().flatten().chain(&pod.containers);
    let image =
        all.filter(|wanted| wanted.name == *container.name).find_map(|wanted| wanted.image.clone()).unwrap_or_default();
    let life = match &container.phase {
        Phase::Running(life) | Phase::Stopping { life, .. } | Phase::Lost { life: Some(life), .. } => Some(life),
        _ => None,
    };
    let process = match &container.phase {
        Phase::Ended(ended) => ended.process.as_ref(),
        _ => life.map(|life| &life.process),
    };
    let process = process.or_else(|| container.last.as_ref().and_then(|last| last.process.as_ref()));
    ContainerStatus {
        name: container.name.to_string(),
        image_id: image.clone(),
        image,
        container_id: process.map(|process| format!("{}://{process}", facts.runtime)),
        // As a kubelet says: an init container that did its work is ready.
        ready: container.is_ready() || (is_init(pod, container) && passed(container)),
        started: Some(life.is_some_and(|life| life.started)),
        restart_count: i32::try_from(container.restarts).unwrap_or(i32::MAX),
        state: Some(present(container, facts)),
        last_state: container.last.as_ref().map(|last| terminated(container, last, facts)),
        ..ContainerStatus::default()
    }
}

fn is_init(pod: &PodSpec, container: &Container) -> bool {
    pod.init_containers.iter().flatten().any(|init| init.name == *container.name)
}

fn present(container: &Container, facts: Facts<'_>) -> ContainerState {
    let waiting = |reason: &str, message: Option<String>| ContainerState {
        waiting: Some(ContainerStateWaiting { reason: Some(reason.to_owned()), message }),
        ..ContainerState::default()
    };
    let hindered = |problem: &Problem| waiting(&problem.reason, Some(problem.message.clone()));
    match &container.phase {
        Phase::Pending | Phase::Cancelled => waiting(reason::INITIALISING, None),
        Phase::Waiting { problem: Some(problem), .. } => hindered(problem),
        Phase::Waiting { until, problem: None } => match &container.last {
            Some(last) if *until > last.at => {
                let pause = until.duration_since(last.at).as_secs();
                let run = Run { container: container.name.clone(), attempt: last.attempt };
                let failure = facts.failure(&run, last.cause);
                waiting(reason::BACK_OFF, Some(format!("back-off {pause}s before it is started again; {failure}")))
            }
            _ => waiting(reason::CREATING, None),
        },
        Phase::Starting | Phase::Lost { life: None, .. } => {
            container.problem.as_ref().map_or_else(|| waiting(reason::CREATING, None), hindered)
        }
        Phase::Running(life) | Phase::Stopping { life, .. } | Phase::Lost { life: Some(life), .. } => ContainerState {
            running: Some(ContainerStateRunning { started_at: Some(Time(life.since)) }),
            ..ContainerState::default()
        },
        Phase::Ended(ended) => terminated(container, ended, facts),
    }
}

fn terminated(container: &Container, ended: &Ended, facts: Facts<'_>) -> ContainerState {
    let reason = match ended.cause {
        Cause::Code(0) => reason::COMPLETED,
        Cause::Unknown => reason::UNKNOWN,
        Cause::Code(_) | Cause::Signal(_) => reason::ERROR,
    };
    let run = Run { container: container.name.clone(), attempt: ended.attempt };
    let message = match ended.cause {
        Cause::Unknown => Some("it ended while no local manager looked; its exit code is not known".to_owned()),
        _ => facts.said.get(&run).filter(|line| !line.is_empty()).cloned(),
    };
    let terminated = ContainerStateTerminated {
        exit_code: ended.cause.exit_code(),
        signal: if let Cause::Signal(signal) = ended.cause { Some(signal) } else { None },
        reason: Some(reason.to_owned()),
        message,
        started_at: Some(Time(ended.since)),
        finished_at: Some(Time(ended.at)),
        container_id: ended.process.as_ref().map(|process| format!("{}://{process}", facts.runtime)),
    };
    ContainerState { terminated: Some(terminated), ..ContainerState::default() }
}
