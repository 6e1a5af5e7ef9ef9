//! One step: an observation is taken in, then everything that is due is asked for.
use std::time::Duration;

use jiff::Timestamp;

use super::{
    Cause, Container, ContainerSpec, Effect, Ended, Event, Life, Phase, ProbeKind, Problem, ProcessId, RestartPolicy,
    Run, Spec, State, Stop, backoff,
    watch::{Watches, later},
};

/// What is known after `event`, and what to do. Store the state before performing an effect.
///
/// Events about an earlier run, repeated ones and late ones change nothing.
#[must_use]
pub fn step(spec: &Spec, mut state: State, event: &Event, now: Timestamp) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    match event {
        Event::Recovered => recover(&mut state, &mut effects),
        Event::Started { run, process } => started(spec, &mut state, run, process, now, &mut effects),
        Event::Found { run, process } => found(spec, &mut state, run, process.as_ref(), now, &mut effects),
        Event::NotStarted { run, problem } => not_started(&mut state, run, problem, now),
        Event::Exited { run, cause } => exited(spec, &mut state, run, *cause, now),
        Event::Probed { run, kind, verdict } => {
            probed(spec, &mut state, run, *kind, verdict.is_ok(), now, &mut effects);
        }
        Event::Retry => retry(&mut state, now),
        Event::Stop { why, grace } => stop(&mut state, *why, *grace, now, &mut effects),
        Event::Tick => {}
    }
    settle(spec, &mut state, now, &mut effects);
    (state, effects)
}

/// The container whose present run this is.
fn present<'a>(state: &'a mut State, run: &Run) -> Option<&'a mut Container> {
    state.containers.iter_mut().find(|container| container.name == run.container && container.attempt == run.attempt)
}

fn recover(state: &mut State, effects: &mut Vec<Effect>) {
    if state.stop == Some(Stop::Suspend) {
        state.stop = None;
    }
    state.released = false;
    for container in &mut state.containers {
        let run = container.run();
        let (life, stopping, unhealthy) = match &container.phase {
            Phase::Starting => (None, false, false),
            Phase::Running(life) => (Some(life.clone()), false, false),
            Phase::Stopping { life, unhealthy, .. } => (Some(life.clone()), true, *unhealthy),
            Phase::Lost { life, stopping, unhealthy } => (life.clone(), *stopping, *unhealthy),
            _ => continue,
        };
        effects.push(Effect::Find(run, life.as_ref().map(|life| life.process.clone())));
        container.phase = Phase::Lost { life, stopping, unhealthy };
    }
}

fn started(spec: &Spec, state: &mut State, run: &Run, process: &ProcessId, now: Timestamp, effects: &mut Vec<Effect>) {
    let (stopping, grace) = (state.stop.is_some(), Duration::from_millis(state.grace_ms));
    let Some(container) = present(state, run).filter(|container| matches!(container.phase, Phase::Starting)) else {
        return;
    };
    let Some(spec) = spec.container(&run.container) else { return };
    live(container, spec, new_life(spec, process, now), stopping.then(|| later(now, grace)), false, effects);
}

fn new_life(spec: &ContainerSpec, process: &ProcessId, now: Timestamp) -> Life {
    Life {
        process: process.clone(),
        since: now,
        started: spec.startup.is_none(),
        ready: spec.readiness.is_none() && spec.startup.is_none(),
    }
}

fn found(
    spec: &Spec,
    state: &mut State,
    run: &Run,
    process: Option<&ProcessId>,
    now: Timestamp,
    effects: &mut Vec<Effect>,
) {
    let (stop, grace) = (state.stop, Duration::from_millis(state.grace_ms));
    let Some(container) = present(state, run) else { return };
    let Phase::Lost { life, stopping, unhealthy } = &container.phase else { return };
    let (life, stopping, unhealthy) = (life.clone(), *stopping || stop.is_some(), *unhealthy);
    let Some(wanted) = spec.container(&run.container) else { return };
    match (process, life) {
        (Some(process), life) => {
            let life = Life { process: process.clone(), ..life.unwrap_or_else(|| new_life(wanted, process, now)) };
            let grace = if stop.is_some() { grace } else { spec.grace };
            live(container, wanted, life, stopping.then(|| later(now, grace)), unhealthy, effects);
        }
        (None, Some(life)) => end(container, spec, wanted, stop, End { life, cause: Cause::Unknown, unhealthy }, now),
        (None, None) => container.phase = Phase::Waiting { until: now, problem: None },
    }
}

/// It runs, and is to end by `kill_at` if that is given.
fn live(
    container: &mut Container,
    spec: &ContainerSpec,
    life: Life,
    kill_at: Option<Timestamp>,
    unhealthy: bool,
    effects: &mut Vec<Effect>,
) {
    (container.failures, container.problem) = (0, None);
    container.phase = match kill_at {
        None => {
            container.watches = Watches::of(spec, &life);
            Phase::Running(life)
        }
        Some(_) => {
            effects.push(Effect::Terminate(container.run(), life.process.clone()));
            Phase::Stopping { life, kill_at, unhealthy }
        }
    };
}

fn not_started(state: &mut State, run: &Run, problem: &Problem, now: Timestamp) {
    let Some(container) = present(state, run).filter(|container| matches!(container.phase, Phase::Starting)) else {
        return;
    };
    let until = now.checked_add(backoff::after_failed_start(container.failures)).unwrap_or(Timestamp::MAX);
    container.failures = container.failures.saturating_add(1);
    container.problem = Some(problem.clone());
    container.phase = Phase::Waiting { until, problem: Some(problem.clone()) };
}

fn exited(spec: &Spec, state: &mut State, run: &Run, cause: Cause, now: Timestamp) {
    let stop = state.stop;
    let Some(container) = present(state, run) else { return };
    let (life, unhealthy) = match &container.phase {
        Phase::Running(life) => (life.clone(), false),
        Phase::Stopping { life, unhealthy, .. } => (life.clone(), *unhealthy),
        Phase::Lost { life: Some(life), unhealthy, .. } => (life.clone(), *unhealthy),
        _ => return,
    };
    let Some(wanted) = spec.container(&run.container) else { return };
    end(container, spec, wanted, stop, End { life, cause, unhealthy }, now);
}

/// How a run came to its end.
struct End {
    life: Life,
    cause: Cause,
    /// A probe had ended it.
    unhealthy: bool,
}

/// What follows on the end of a run.
fn end(
    container: &mut Container,
    spec: &Spec,
    wanted: &ContainerSpec,
    stop: Option<Stop>,
    End { life, cause, unhealthy }: End,
    now: Timestamp,
) {
    let ran = now.duration_since(life.since);
    let attempt = container.attempt;
    let ended = Ended { attempt, process: Some(life.process), cause, since: life.since, at: now };
    container.watches = Watches::default();
    let succeeded = cause.is_success() && !unhealthy;
    let again = match (stop, spec.restart) {
        (Some(Stop::Delete), _) => false,
        (Some(Stop::Suspend), _) => true,
        (None, RestartPolicy::Never) => false,
        (None, RestartPolicy::Always) if !wanted.init => true,
        (None, _) => !succeeded,
    };
    if !again {
        container.phase = Phase::Ended(ended);
        return;
    }
    container.last = Some(ended);
    let until = if stop.is_some() {
        // It was told to end, and goes on when its driver is back: that is no restart.
        now
    } else {
        container.restarts = container.restarts.saturating_add(1);
        let before = if backoff::forgives(ran) { 0 } else { container.crashes };
        container.crashes = before.saturating_add(1);
        now.checked_add(backoff::after_crash(before)).unwrap_or(Timestamp::MAX)
    };
    container.phase = Phase::Waiting { until, problem: None };
}

fn probed(
    spec: &Spec,
    state: &mut State,
    run: &Run,
    kind: ProbeKind,
    passed: bool,
    now: Timestamp,
    effects: &mut Vec<Effect>,
) {
    let Some(container) = present(state, run) else { return };
    let Phase::Running(life) = &mut container.phase else { return };
    let Some(wanted) = spec.container(&run.container) else { return };
    let Some(probe) = wanted.probe(kind) else { return };
    let ends = container.watches.answer(probe, kind, passed, life, now);
    if kind == ProbeKind::Startup && life.started && wanted.readiness.is_none() {
        life.ready = true;
    }
    if ends {
        let life = life.clone();
        live(container, wanted, life, Some(later(now, spec.grace)), true, effects);
    }
}

fn retry(state: &mut State, now: Timestamp) {
    for container in &mut state.containers {
        if let Phase::Waiting { until, problem: Some(_) } = &mut container.phase {
            *until = (*until).min(now);
        }
    }
}

fn stop(state: &mut State, why: Stop, grace: Duration, now: Timestamp, effects: &mut Vec<Effect>) {
    let first = state.stop.is_none();
    let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
    if state.stop != Some(Stop::Delete) {
        state.stop = Some(why);
    }
    // A second request may shorten the grace, never lengthen it.
    state.grace_ms = if first { grace_ms } else { state.grace_ms.min(grace_ms) };
    let deadline = later(now, Duration::from_millis(state.grace_ms));
    for container in &mut state.containers {
        let run = container.run();
        match &mut container.phase {
            Phase::Running(life) => {
                effects.push(Effect::Terminate(run, life.process.clone()));
                container.phase = Phase::Stopping { life: life.clone(), kill_at: Some(deadline), unhealthy: false };
            }
            Phase::Stopping { kill_at: Some(at), .. } => *at = (*at).min(deadline),
            _ => {}
        }
    }
}

/// Everything that follows from the state and the time.
fn settle(spec: &Spec, state: &mut State, now: Timestamp, effects: &mut Vec<Effect>) {
    match state.stop {
        None => take_turns(spec, state, now),
        Some(Stop::Delete) => cancel(state),
        Some(Stop::Suspend) => {}
    }
    let starts = state.stop.is_none();
    for container in &mut state.containers {
        let due = matches!(container.phase, Phase::Waiting { until, .. } if until <= now);
        if starts && due {
            container.attempt = container.attempt.saturating_add(1);
            container.phase = Phase::Starting;
            effects.push(Effect::Start(container.run()));
        }
        let run = container.run();
        match &mut container.phase {
            Phase::Stopping { life, kill_at, .. } if kill_at.is_some_and(|at| at <= now) => {
                *kill_at = None;
                effects.push(Effect::Kill(run, life.process.clone()));
            }
            Phase::Running(life) => {
                let probe = |kind| Effect::Probe(run.clone(), kind, life.process.clone());
                effects.extend(container.watches.ask(now).into_iter().map(probe));
            }
            _ => {}
        }
    }
    if state.stop == Some(Stop::Delete) && !state.released && state.containers.iter().all(Container::is_over) {
        state.released = true;
        effects.push(Effect::Release);
    }
}

/// Init containers one after the other, each to its success; then all others at once.
fn take_turns(spec: &Spec, state: &mut State, now: Timestamp) {
    for container in &mut state.containers {
        let init = spec.container(&container.name).is_some_and(|container| container.init);
        if container.phase == Phase::Pending {
            container.phase = Phase::Waiting { until: now, problem: None };
        }
        let passed = matches!(&container.phase, Phase::Ended(ended) if ended.cause.is_success());
        if init && !passed {
            return;
        }
    }
}

/// What has not begun, does not.
fn cancel(state: &mut State) {
    for container in &mut state.containers {
        if matches!(container.phase, Phase::Pending | Phase::Waiting { .. }) {
            container.phase = match container.last.take() {
                Some(ended) => Phase::Ended(ended),
                None => Phase::Cancelled,
            };
        }
    }
}
