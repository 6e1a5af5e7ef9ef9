//! One container on its own, its status, and any worker whatever happens.
mod interleaved;
mod status;
mod steps;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use jiff::Timestamp;

use super::*;

fn single() -> (Spec, State) {
    let spec = Spec::of_containers([ContainerSpec::named("c")]);
    let state = State::new(&spec);
    (spec, state)
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap()
}

fn run(attempt: u32) -> Run {
    Run { container: Arc::from("c"), attempt }
}

fn facts() -> Facts<'static> {
    static NOTHING: LazyLock<HashMap<Run, String>> = LazyLock::new(HashMap::new);
    Facts {
        namespace: "default",
        name: "p",
        runtime: "process",
        pod_ip: "127.64.1.2",
        host_ip: "127.64.1.1",
        accepted: Timestamp::UNIX_EPOCH,
        said: &NOTHING,
        refused: &NOTHING,
    }
}

fn condition(status: &k8s_openapi::api::core::v1::PodStatus, kind: &str) -> bool {
    status.conditions.iter().flatten().any(|condition| condition.type_ == kind && condition.status == "True")
}
