//! The smallest driver of a worker, to try runtimes with.
use std::time::Duration;

use dayu_core::{
    name::Uid,
    worker::{ContainerSpec, Effect, Event, Launch, Limits, Phase, Run, Runtime, Spec, State, Stop, step},
};
use jiff::Timestamp;

/// How long a worker may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// Drives a worker of one container on `runtime`, deletes it once its run number `runs` is up or cannot be started, and
/// tells every effect up to the last, [`Effect::Release`].
///
/// A driver that serves also stores each state before it performs the effects, and performs them at once.
pub async fn drive(runtime: &dyn Runtime, image: &str, runs: u32) -> Vec<Effect> {
    let (spec, pod) = (Spec::of_containers([ContainerSpec::named("main")]), Uid::from("pod-1"));
    let (mut state, mut event, mut told) = (State::new(&spec), Event::Recovered, Vec::new());
    while !state.is_released() {
        let (next, effects) = step(&spec, state, &event, Timestamp::now());
        state = next;
        let mut answer = None;
        for effect in &effects {
            answer = perform(runtime, &pod, image, effect).await.or(answer);
        }
        told.extend(effects);
        event = match answer {
            Some(answer) => answer,
            None => observe(runtime, &pod, &state, runs).await,
        };
    }
    told
}

/// Does as the step asks; gives the answer where there is one at once.
async fn perform(runtime: &dyn Runtime, pod: &Uid, image: &str, effect: &Effect) -> Option<Event> {
    match effect {
        Effect::Start(run) => Some(match runtime.start(&launch(pod, run, image)).await {
            Ok(process) => Event::Started { run: run.clone(), process },
            Err(problem) => Event::NotStarted { run: run.clone(), problem },
        }),
        Effect::Find(run, known) => {
            Some(Event::Found { run: run.clone(), process: runtime.find(pod, run, known.clone()).await })
        }
        Effect::Terminate(run, process) => {
            runtime.stop(pod, run, process, false).await;
            None
        }
        Effect::Kill(run, process) => {
            runtime.stop(pod, run, process, true).await;
            None
        }
        Effect::Release => {
            runtime.release(pod).await;
            Some(Event::Tick)
        }
        Effect::Probe(run, kind, _) => {
            Some(Event::Probed { run: run.clone(), kind: *kind, verdict: Err("this driver does not probe".to_owned()) })
        }
    }
}

/// What happens next: the container ends, its time comes, or it is deleted.
async fn observe(runtime: &dyn Runtime, pod: &Uid, state: &State, runs: u32) -> Event {
    let [container] = state.containers.as_slice() else { return Event::Tick };
    let over = matches!(&container.phase, Phase::Running(_) if container.attempt >= runs)
        || matches!(&container.phase, Phase::Waiting { problem: Some(_), .. });
    if over && state.stop.is_none() {
        return Event::Stop { why: Stop::Delete, grace: GRACE };
    }
    let ends = async {
        match &container.phase {
            Phase::Running(life) | Phase::Stopping { life, .. } => {
                let cause = runtime.wait(pod, &container.run(), &life.process).await;
                Event::Exited { run: container.run(), cause }
            }
            _ => std::future::pending().await,
        }
    };
    let left = state.due().map(|due| due.duration_since(Timestamp::now()).unsigned_abs());
    tokio::time::timeout(left.unwrap_or(GRACE), ends).await.unwrap_or(Event::Tick)
}

fn launch(pod: &Uid, run: &Run, image: &str) -> Launch {
    Launch {
        pod: pod.clone(),
        run: run.clone(),
        image: image.to_owned(),
        command: Vec::new(),
        env: Vec::new(),
        working_dir: None,
        mounts: Vec::new(),
        limits: Limits::default(),
        log: "/dev/null".into(),
    }
}
