//! What a pod's status says.
use std::collections::HashMap;

use super::{super::*, at, condition, facts, run, single};

#[test]
fn a_status_says_why_a_container_waits() {
    let (spec, state) = single();
    let pod = k8s_openapi::api::core::v1::PodSpec::default();
    let (state, _) = step(&spec, state, &Event::Recovered, at(0));
    let problem = Problem::new("MountMissing", "/dev/video0 is not there");
    let (state, _) = step(&spec, state, &Event::NotStarted { run: run(1), problem }, at(0));
    let before = status(&pod, &spec, &state, facts(), None, at(0));
    let waiting = before.container_statuses.clone().unwrap()[0].state.clone().unwrap().waiting.unwrap();
    assert_eq!(waiting.reason.as_deref(), Some("MountMissing"));
    assert_eq!(before.phase.as_deref(), Some("Pending"));
    let (state, effects) = step(&spec, state, &Event::Retry, at(10));
    assert_eq!(effects, [Effect::Start(run(2))]);
    assert_eq!(status(&pod, &spec, &state, facts(), Some(&before), at(10)), before, "it may still lack it");
    let (state, _) = step(&spec, state, &Event::Started { run: run(2), process: "p".into() }, at(20));
    let after = status(&pod, &spec, &state, facts(), Some(&before), at(30));
    assert!(condition(&after, "Ready") && !condition(&before, "Ready"));
    let scheduled = |status: &k8s_openapi::api::core::v1::PodStatus| {
        status.conditions.iter().flatten().find(|c| c.type_ == "PodScheduled").unwrap().last_transition_time.clone()
    };
    assert_eq!(scheduled(&before), scheduled(&after));
}

#[test]
fn a_status_says_how_the_last_run_failed_and_what_it_said_last() {
    let (spec, mut state) = single();
    let pod = k8s_openapi::api::core::v1::PodSpec::default();
    let crash = |number, now| {
        let started = Event::Started { run: run(number), process: "p".into() };
        [(started, at(now)), (Event::Exited { run: run(number), cause: Cause::Code(3) }, at(now + 1))]
    };
    let began = [(Event::Recovered, at(0))];
    for (event, now) in began.into_iter().chain(crash(1, 0)).chain([(Event::Tick, at(2))]).chain(crash(2, 2)) {
        (state, _) = step(&spec, state, &event, now);
    }
    let said = HashMap::from([(run(1), "the first".to_owned()), (run(2), "KeyError: 'model'".to_owned())]);
    let told = status(&pod, &spec, &state, Facts { said: &said, ..facts() }, None, at(4));
    let container = &told.container_statuses.unwrap()[0];
    let waiting = container.state.clone().unwrap().waiting.unwrap();
    assert_eq!(waiting.reason.as_deref(), Some("CrashLoopBackOff"));
    let failure = "; c ended with exit code 3: KeyError: 'model'; `dayu logs p -n default -c c` has the rest";
    assert!(waiting.message.unwrap().ends_with(failure));
    let last = container.last_state.clone().unwrap().terminated.unwrap();
    assert_eq!((last.exit_code, last.message.as_deref()), (3, Some("KeyError: 'model'")));
    let ready = told.conditions.unwrap().into_iter().find(|condition| condition.type_ == "Ready").unwrap();
    assert_eq!(ready.message, Some(format!("containers with unready status: [c]{failure}")));
}

#[test]
fn a_status_says_why_a_worker_that_runs_is_not_ready_once_it_has_had_the_time() {
    let (spec, mut state) = single();
    let pod = k8s_openapi::api::core::v1::PodSpec::default();
    let started = Event::Started { run: run(1), process: "p".into() };
    for event in [Event::Recovered, started] {
        (state, _) = step(&spec, state, &event, at(0));
    }
    let Phase::Running(life) = &mut state.containers[0].phase else { panic!("{state:?}") };
    life.ready = false;
    let refused = HashMap::from([(run(1), "127.64.1.2:9000: Connection refused".to_owned())]);
    let message = |now| {
        let told = status(&pod, &spec, &state, Facts { refused: &refused, ..facts() }, None, at(now));
        told.conditions.unwrap().into_iter().find(|condition| condition.type_ == "Ready").unwrap().message.unwrap()
    };
    assert_eq!(message(4000), "containers with unready status: [c]");
    let why = "127.64.1.2:9000: Connection refused; `dayu logs p -n default -c c` may tell more";
    assert!(message(5000).ends_with(&format!("; c runs, but its readiness probe fails: {why}")));
}
