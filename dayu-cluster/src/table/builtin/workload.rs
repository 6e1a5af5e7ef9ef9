//! What makes pods.

use jiff::Timestamp;
use serde_json::Value;

use crate::table::column::Column;
use crate::table::scalar::{self, age, age_of, number, or};

pub(super) fn deployment() -> Vec<Column> {
    let mut columns = vec![
        Column::name(),
        Column::new("Ready", "string", ready_of_wanted),
        Column::new("Up-to-date", "string", |object, _| number(&object["status"]["updatedReplicas"]).into()),
        Column::new("Available", "string", |object, _| number(&object["status"]["availableReplicas"]).into()),
        Column::age(),
    ];
    columns.extend(template());
    columns.push(selector());
    columns
}

pub(super) fn replica_set() -> Vec<Column> {
    let mut columns = vec![
        Column::name(),
        Column::new("Desired", "integer", |object, _| number(&object["spec"]["replicas"]).into()),
        Column::new("Current", "integer", |object, _| number(&object["status"]["replicas"]).into()),
        Column::new("Ready", "integer", |object, _| number(&object["status"]["readyReplicas"]).into()),
        Column::age(),
    ];
    columns.extend(template());
    columns.push(selector());
    columns
}

pub(super) fn daemon_set() -> Vec<Column> {
    let mut columns = vec![
        Column::name(),
        Column::new("Desired", "integer", |object, _| number(&object["status"]["desiredNumberScheduled"]).into()),
        Column::new("Current", "integer", |object, _| number(&object["status"]["currentNumberScheduled"]).into()),
        Column::new("Ready", "integer", |object, _| number(&object["status"]["numberReady"]).into()),
        Column::new("Up-to-date", "integer", |object, _| number(&object["status"]["updatedNumberScheduled"]).into()),
        Column::new("Available", "integer", |object, _| number(&object["status"]["numberAvailable"]).into()),
        Column::new("Node Selector", "string", |object, _| {
            scalar::labels(&object["spec"]["template"]["spec"]["nodeSelector"]).into()
        }),
        Column::age(),
    ];
    columns.extend(template());
    columns.push(selector());
    columns
}

pub(super) fn stateful_set() -> Vec<Column> {
    let mut columns = vec![Column::name(), Column::new("Ready", "string", ready_of_wanted), Column::age()];
    columns.extend(template());
    columns
}

pub(super) fn job() -> Vec<Column> {
    let mut columns = vec![
        Column::name(),
        Column::new("Status", "string", job_status),
        Column::new("Completions", "string", completions),
        Column::new("Duration", "string", duration),
        Column::age(),
    ];
    columns.extend(template());
    columns.push(selector());
    columns
}

pub(super) fn cron_job() -> Vec<Column> {
    vec![
        Column::name(),
        Column::text("Schedule", "/spec/schedule", ""),
        Column::text("Timezone", "/spec/timeZone", "<none>"),
        Column::new("Suspend", "boolean", |object, _| {
            if object["spec"]["suspend"] == true { "True".into() } else { "False".into() }
        }),
        Column::new("Active", "integer", |object, _| object["status"]["active"].as_array().map_or(0, Vec::len).into()),
        Column::new("Last Schedule", "string", |object, now| match &object["status"]["lastScheduleTime"] {
            Value::Null => "<none>".into(),
            time => age_of(time, now),
        }),
        Column::age(),
    ]
}

fn ready_of_wanted(object: &Value, _: Timestamp) -> Value {
    format!("{}/{}", number(&object["status"]["readyReplicas"]), number(&object["spec"]["replicas"])).into()
}

fn template() -> [Column; 2] {
    [
        Column::new("Containers", "string", |object, _| of_containers(object, "name")).wide(),
        Column::new("Images", "string", |object, _| of_containers(object, "image")).wide(),
    ]
}

fn of_containers(object: &Value, field: &str) -> Value {
    scalar::join(&object["spec"]["template"]["spec"]["containers"], field).into()
}

fn selector() -> Column {
    let text = |object: &Value, _: Timestamp| {
        let selector = &object["spec"]["selector"];
        // A replication controller has plain labels.
        let labels = object["kind"] == "ReplicationController";
        if labels { scalar::labels(selector).into() } else { scalar::selector(selector).into() }
    };
    Column::new("Selector", "string", text).wide()
}

fn job_status(job: &Value, _: Timestamp) -> Value {
    let has = |kind: &str| {
        let conditions = job["status"]["conditions"].as_array().into_iter().flatten();
        conditions.into_iter().any(|one| one["type"] == kind && one["status"] == "True")
    };
    let status = if has("Complete") {
        "Complete"
    } else if has("Failed") {
        "Failed"
    } else if job["metadata"]["deletionTimestamp"].is_string() {
        "Terminating"
    } else if has("Suspended") {
        "Suspended"
    } else if has("FailureTarget") {
        "FailureTarget"
    } else if has("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    };
    status.into()
}

fn completions(job: &Value, _: Timestamp) -> Value {
    let succeeded = number(&job["status"]["succeeded"]);
    match (job["spec"]["completions"].as_i64(), number(&job["spec"]["parallelism"])) {
        (Some(wanted), _) => format!("{succeeded}/{wanted}"),
        (None, many) if many > 1 => format!("{succeeded}/1 of {many}"),
        (None, _) => format!("{succeeded}/1"),
    }
    .into()
}

fn duration(job: &Value, now: Timestamp) -> Value {
    let Some(start) = job["status"]["startTime"].as_str() else { return "".into() };
    let end = or(&job["status"]["completionTime"], "").parse().unwrap_or(now);
    age(start, end).into()
}
