//! What a step does about one container.
use std::time::Duration;

use super::{super::*, at, run, single};

#[test]
fn crashes_are_answered_at_once_then_later_and_later_and_forgiven_after_ten_minutes() {
    let (spec, state) = single();
    let (mut state, _) = step(&spec, state, &Event::Recovered, at(0));
    let mut now = 0;
    let mut pauses = Vec::new();
    for (attempt, ran) in [(1, 10), (2, 10), (3, 10), (4, 601_000), (5, 10)] {
        (state, _) = step(&spec, state, &Event::Started { run: run(attempt), process: "p".into() }, at(now));
        now += ran;
        let effects;
        (state, effects) = step(&spec, state, &Event::Exited { run: run(attempt), cause: Cause::Code(1) }, at(now));
        if effects.is_empty() {
            let due = state.due().unwrap().as_millisecond();
            pauses.push(due - now);
            now = due;
            (state, _) = step(&spec, state, &Event::Tick, at(now));
        } else {
            pauses.push(0);
        }
    }
    assert_eq!(pauses, [0, 1000, 2000, 0, 1000]);
    assert_eq!(state.containers[0].restarts, 5);
}

#[test]
fn a_stop_until_the_driver_is_back_is_no_restart_but_a_crash_is() {
    let (spec, state) = single();
    let (state, _) = step(&spec, state, &Event::Recovered, at(0));
    let (state, _) = step(&spec, state, &Event::Started { run: run(1), process: "p".into() }, at(0));
    let suspend = Event::Stop { why: Stop::Suspend, grace: Duration::from_secs(1) };
    let (state, _) = step(&spec, state, &suspend, at(10));
    let (state, effects) = step(&spec, state, &Event::Exited { run: run(1), cause: Cause::Signal(15) }, at(20));
    assert_eq!(effects, [], "it stays down until the driver is back");
    let (state, effects) = step(&spec, state, &Event::Recovered, at(5000));
    assert_eq!(effects, [Effect::Start(run(2))]);
    assert_eq!(state.containers[0].restarts, 0);
    let (state, _) = step(&spec, state, &Event::Started { run: run(2), process: "q".into() }, at(5000));
    let (state, _) = step(&spec, state, &Event::Exited { run: run(2), cause: Cause::Code(1) }, at(5010));
    assert_eq!(state.containers[0].restarts, 1);
}

#[test]
fn a_worker_that_ignores_the_request_to_end_is_killed_after_its_grace() {
    let (spec, state) = single();
    let (state, _) = step(&spec, state, &Event::Recovered, at(0));
    let (state, _) = step(&spec, state, &Event::Started { run: run(1), process: "p".into() }, at(0));
    let stop = Event::Stop { why: Stop::Delete, grace: Duration::from_secs(3) };
    let (state, effects) = step(&spec, state, &stop, at(0));
    assert_eq!(effects, [Effect::Terminate(run(1), "p".into())]);
    assert_eq!(state.due(), Some(at(3000)));
    let (state, effects) = step(&spec, state, &Event::Tick, at(3000));
    assert_eq!(effects, [Effect::Kill(run(1), "p".into())]);
    let (_, effects) = step(&spec, state, &Event::Exited { run: run(1), cause: Cause::Signal(9) }, at(3001));
    assert_eq!(effects, [Effect::Release]);
}

#[test]
fn readiness_outlives_the_driver_and_is_first_seen_long_before_a_period_has_passed() {
    let mut spec = single().0;
    spec.containers[0].readiness = Some(ProbeSpec::new(ProbeAction::Tcp { host: None, port: 1 }));
    let (state, _) = step(&spec, State::new(&spec), &Event::Recovered, at(0));
    let (mut state, effects) = step(&spec, state, &Event::Started { run: run(1), process: "p".into() }, at(0));
    assert_eq!(effects, [Effect::Probe(run(1), ProbeKind::Readiness, "p".into())]);
    let mut now = at(0);
    let mut probes = 0;
    // The worker listens after 400 ms.
    while !state.containers[0].is_ready() {
        let verdict = if now >= at(400) { Ok(()) } else { Err("refused".to_owned()) };
        (state, _) = step(&spec, state, &Event::Probed { run: run(1), kind: ProbeKind::Readiness, verdict }, now);
        if !state.containers[0].is_ready() {
            now = state.due().unwrap();
            (state, _) = step(&spec, state, &Event::Tick, now);
        }
        probes += 1;
    }
    assert!(now < at(450) && probes < 50, "{now} after {probes} probes");
    let stored = serde_json::to_string(&state).unwrap();
    let (state, effects) = step(&spec, serde_json::from_str(&stored).unwrap(), &Event::Recovered, now);
    assert_eq!(effects, [Effect::Find(run(1), Some("p".into()))]);
    assert!(state.containers[0].is_ready());
    let (state, effects) = step(&spec, state, &Event::Found { run: run(1), process: Some("p".into()) }, now);
    assert!(state.containers[0].is_ready() && effects == [Effect::Probe(run(1), ProbeKind::Readiness, "p".into())]);
}
