//! What makes pods.

use serde_json::{Value, json};

use super::{items, pod, set, set_field, there};

pub(super) fn deployment(value: &mut Value) {
    let spec = replicated(value);
    set(spec, "revisionHistoryLimit", 10);
    set(spec, "progressDeadlineSeconds", 600);
    rolling(spec, "strategy", &json!({ "maxUnavailable": "25%", "maxSurge": "25%" }));
}

pub(super) fn replica_set(value: &mut Value) {
    replicated(value);
}

pub(super) fn replication_controller(value: &mut Value) {
    let labels = value["spec"]["template"]["metadata"]["labels"].clone();
    let spec = replicated(value);
    if labels.as_object().is_some_and(|labels| !labels.is_empty()) {
        set(spec, "selector", labels);
    }
}

pub(super) fn daemon_set(value: &mut Value) {
    let spec = templated(value);
    set(spec, "revisionHistoryLimit", 10);
    rolling(spec, "updateStrategy", &json!({ "maxUnavailable": 1, "maxSurge": 0 }));
}

pub(super) fn stateful_set(value: &mut Value) {
    let spec = replicated(value);
    set(spec, "podManagementPolicy", "OrderedReady");
    set(spec, "revisionHistoryLimit", 10);
    set(spec, "persistentVolumeClaimRetentionPolicy", json!({ "whenDeleted": "Retain", "whenScaled": "Retain" }));
    rolling(spec, "updateStrategy", &json!({ "partition": 0 }));
    for claim in items(spec, "volumeClaimTemplates") {
        set(claim, "apiVersion", "v1");
        set(claim, "kind", "PersistentVolumeClaim");
        set(&mut claim["spec"], "volumeMode", "Filesystem");
        set(&mut claim["status"], "phase", "Pending");
    }
}

pub(super) fn job(value: &mut Value) {
    if let Some(spec) = there(value, "spec") {
        job_spec(spec);
    }
}

pub(super) fn cron_job(value: &mut Value) {
    let Some(spec) = there(value, "spec") else { return };
    set(spec, "concurrencyPolicy", "Allow");
    set(spec, "suspend", false);
    set(spec, "successfulJobsHistoryLimit", 3);
    set(spec, "failedJobsHistoryLimit", 1);
    if let Some(spec) = there(spec, "jobTemplate").and_then(|template| there(template, "spec")) {
        pod::template(&mut spec["template"]);
    }
}

fn job_spec(spec: &mut Value) {
    if spec.get("completions").is_none() && spec.get("parallelism").is_none() {
        set(spec, "completions", 1);
    }
    set(spec, "parallelism", 1);
    set(spec, "backoffLimit", 6);
    set(spec, "completionMode", "NonIndexed");
    set(spec, "suspend", false);
    set(spec, "manualSelector", false);
    set(spec, "podReplacementPolicy", "TerminatingOrFailed");
    pod::template(&mut spec["template"]);
}

fn replicated(value: &mut Value) -> &mut Value {
    let spec = templated(value);
    set_field(spec, "replicas", 1);
    spec
}

fn templated(value: &mut Value) -> &mut Value {
    let spec = &mut value["spec"];
    pod::template(&mut spec["template"]);
    spec
}

fn rolling(spec: &mut Value, field: &str, defaults: &Value) {
    set(spec, field, json!({}));
    let strategy = &mut spec[field];
    set_field(strategy, "type", "RollingUpdate");
    if strategy["type"] != "RollingUpdate" {
        return;
    }
    set_field(strategy, "rollingUpdate", json!({}));
    for (name, default) in defaults.as_object().into_iter().flatten() {
        set_field(&mut strategy["rollingUpdate"], name, default.clone());
    }
}
