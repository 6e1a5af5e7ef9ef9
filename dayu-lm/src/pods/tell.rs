//! What of a step is worth an event.
use std::sync::Arc;

use dayu_core::worker::{Container, Effect, Event, Phase, State};
use k8s_openapi::api::core::v1::Pod;

use super::events::Recorder;

/// Tells people what `event` made of `before`.
pub(super) fn tell(
    recorder: &Recorder,
    pod: &Arc<Pod>,
    before: &State,
    after: &State,
    event: &Event,
    effects: &[Effect],
) {
    match event {
        Event::Started { run, .. } => recorder.normal(pod, "Started", format!("Started container {}", run.container)),
        Event::Found { run, process: Some(process) } => {
            recorder.normal(pod, "Adopted", format!("Container {} lives on as process {process}", run.container));
        }
        Event::NotStarted { problem, .. } => recorder.warning(pod, &problem.reason, problem.message.clone()),
        Event::Exited { run, .. } => {
            if let Some(message) = after.container(&run.container).and_then(back_off) {
                recorder.warning(pod, "BackOff", message);
            }
        }
        // Only those that change something: a worker that is coming up fails many.
        Event::Probed { run, kind, verdict: Err(why) } => {
            let was_ready = before.container(&run.container).is_some_and(Container::is_ready);
            let ends = effects.iter().any(|effect| matches!(effect, Effect::Terminate(..)));
            let is_ready = after.container(&run.container).is_some_and(Container::is_ready);
            if ends || (was_ready && !is_ready) {
                recorder.warning(
                    pod,
                    "Unhealthy",
                    format!("{kind:?} probe of container {} failed: {why}", run.container),
                );
            }
        }
        _ => {}
    }
    for effect in effects {
        if let Effect::Terminate(run, _) = effect {
            recorder.normal(pod, "Killing", format!("Stopping container {}", run.container));
        }
    }
}

fn back_off(container: &Container) -> Option<String> {
    let Phase::Waiting { until, problem: None } = &container.phase else { return None };
    let last = container.last.as_ref()?;
    (*until > last.at).then(|| format!("Back-off restarting failed container {}", container.name))
}
