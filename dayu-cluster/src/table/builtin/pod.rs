//! Pods.

use jiff::Timestamp;
use serde_json::Value;

use crate::table::column::Column;
use crate::table::scalar::{age, number, or};

pub(super) fn columns() -> Vec<Column> {
    vec![
        Column::name(),
        Column::new("Ready", "string", ready),
        Column::new("Status", "string", |pod, _| status(pod).into()),
        Column::new("Restarts", "string", restarts),
        Column::age(),
        Column::text("IP", "/status/podIP", "<none>").wide(),
        Column::text("Node", "/spec/nodeName", "<none>").wide(),
        Column::text("Nominated Node", "/status/nominatedNodeName", "<none>").wide(),
        Column::new("Readiness Gates", "string", gates).wide(),
    ]
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map_or(&[], Vec::as_slice)
}

/// An init container that stays counts as a container.
fn stays(container: &Value) -> bool {
    container["restartPolicy"] == "Always"
}

fn init<'a>(pod: &'a Value, status: &Value) -> Option<&'a Value> {
    list(&pod["spec"], "initContainers").iter().find(|container| container["name"] == status["name"])
}

fn ready(pod: &Value, _: Timestamp) -> Value {
    let (spec, state) = (&pod["spec"], &pod["status"]);
    let running = |status: &&Value| status["ready"] == true && status["state"]["running"].is_object();
    let sidecars = list(state, "initContainerStatuses").iter();
    let sidecars = sidecars.filter(|status| init(pod, status).is_some_and(stays) && status["ready"] == true);
    let ready = list(state, "containerStatuses").iter().filter(running).count() + sidecars.count();
    let total = list(spec, "containers").len() + list(spec, "initContainers").iter().filter(|one| stays(one)).count();
    format!("{ready}/{total}").into()
}

/// One word for how a pod does.
fn status(pod: &Value) -> String {
    let state = &pod["status"];
    let mut reason = or(&state["reason"], or(&state["phase"], "Unknown")).to_owned();
    let gated = |condition: &&Value| condition["type"] == "PodScheduled" && condition["reason"] == "SchedulingGated";
    if list(state, "conditions").iter().any(|condition| gated(&condition)) {
        reason = "SchedulingGated".into();
    }
    let initialising = initialising(pod);
    if let Some(found) = &initialising {
        reason.clone_from(found);
    }
    if initialising.is_none() || initialised(pod) {
        reason = containers(pod, reason);
    }
    if pod["metadata"]["deletionTimestamp"].is_string() {
        let finished = matches!(state["phase"].as_str(), Some("Failed" | "Succeeded"));
        return match state["reason"] == "NodeLost" {
            true => "Unknown".into(),
            false if finished => reason,
            false => "Terminating".into(),
        };
    }
    reason
}

fn initialised(pod: &Value) -> bool {
    let conditions = list(&pod["status"], "conditions").iter();
    conditions.into_iter().any(|condition| condition["type"] == "Initialized" && condition["status"] == "True")
}

fn initialising(pod: &Value) -> Option<String> {
    let total = list(&pod["spec"], "initContainers").len();
    for (index, status) in list(&pod["status"], "initContainerStatuses").iter().enumerate() {
        let state = &status["state"];
        let started = status["started"] == true;
        if state["terminated"].is_object() && number(&state["terminated"]["exitCode"]) == 0
            || init(pod, status).is_some_and(stays) && started
        {
            continue;
        }
        if state["terminated"].is_object() {
            return Some(format!("Init:{}", ended(&state["terminated"])));
        }
        let waiting = or(&state["waiting"]["reason"], "");
        return Some(match waiting {
            "" | "PodInitializing" => format!("Init:{index}/{total}"),
            waiting => format!("Init:{waiting}"),
        });
    }
    None
}

fn ended(terminated: &Value) -> String {
    match (or(&terminated["reason"], ""), number(&terminated["signal"])) {
        ("", 0) => format!("ExitCode:{}", number(&terminated["exitCode"])),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.into(),
    }
}

fn containers(pod: &Value, mut reason: String) -> String {
    let mut runs = false;
    for status in list(&pod["status"], "containerStatuses").iter().rev() {
        let state = &status["state"];
        let waiting = or(&state["waiting"]["reason"], "");
        if !waiting.is_empty() {
            reason = waiting.into();
        } else if state["terminated"].is_object() {
            reason = ended(&state["terminated"]);
        } else if status["ready"] == true && state["running"].is_object() {
            runs = true;
        }
    }
    if reason == "Completed" && runs {
        let conditions = list(&pod["status"], "conditions").iter();
        let ready = conditions.into_iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
        return if ready { "Running".into() } else { "NotReady".into() };
    }
    reason
}

fn restarts(pod: &Value, now: Timestamp) -> Value {
    let sidecars = list(&pod["status"], "initContainerStatuses").iter();
    let sidecars = sidecars.filter(|status| !initialised(pod) || init(pod, status).is_some_and(stays));
    let statuses = list(&pod["status"], "containerStatuses").iter().chain(sidecars);
    let (mut count, mut last) = (0, None);
    for status in statuses {
        count += number(&status["restartCount"]);
        last = last.max(status["lastState"]["terminated"]["finishedAt"].as_str());
    }
    match last {
        Some(last) if count > 0 => format!("{count} ({} ago)", age(last, now)).into(),
        _ => count.to_string().into(),
    }
}

fn gates(pod: &Value, _: Timestamp) -> Value {
    let gates = list(&pod["spec"], "readinessGates");
    if gates.is_empty() {
        return "<none>".into();
    }
    let conditions = list(&pod["status"], "conditions");
    let open =
        |gate: &&Value| conditions.iter().any(|one| one["type"] == gate["conditionType"] && one["status"] == "True");
    format!("{}/{}", gates.iter().filter(open).count(), gates.len()).into()
}
