//! Looking after one pod: the pure step, stored before its effects, and the tasks that perform them.
use std::{sync::Arc, time::Duration};

use dayu_core::{
    name::Uid,
    worker::{Container, Effect, Event, Facts, Problem, Run, Spec, State, Stop, status, step},
};
use k8s_openapi::api::core::v1::{Pod, PodSpec, PodStatus};
use kube::ResourceExt;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Shared,
    farewell::Farewell,
    folder::{Folder, Manifest, Saved},
    perform::Performer,
    report::{Report, Reporter},
    tell,
    words::Words,
};
use crate::prepare::Place;

/// Answers of tasks that wait to be taken in.
const WAITING: usize = 64;
/// When the local manager itself ends, workers have so long.
const LONGEST_SUSPENSION: Duration = Duration::from_secs(5);
/// A pod that vanished from the API leaves its worker so long at most.
const LONGEST_FAREWELL: Duration = Duration::from_secs(30);

/// What a keeper is told.
#[derive(Clone, Debug)]
pub(super) enum Input {
    /// The pod as the API has it now.
    Pod(Arc<Pod>),
    /// The API has it no more.
    Gone,
    /// Stop the worker; it goes on when the local manager is back.
    Suspend,
}

/// One pod's keeper.
pub(super) struct Keeper {
    shared: Arc<Shared>,
    pod: Arc<Pod>,
    spec: Spec,
    state: State,
    /// The state as it is stored.
    stored: Vec<u8>,
    manifest: Manifest,
    folder: Folder,
    before: Option<PodStatus>,
    words: Words,
    performer: Performer,
    ready: watch::Sender<Vec<Run>>,
    answers: mpsc::Receiver<Event>,
    tasks: JoinSet<()>,
    report: watch::Sender<Report>,
    _reporter: AbortOnDropHandle<()>,
    gone: bool,
    suspended: bool,
}

impl Keeper {
    /// The keeper of a pod that is known, or new.
    pub(super) fn new(shared: Arc<Shared>, saved: Saved) -> Self {
        let Saved { folder, manifest, state } = saved;
        let pod = Arc::new(manifest.pod.clone());
        let spec = Spec::of(pod.spec.as_ref().unwrap_or(&PodSpec::default()));
        let state = state.unwrap_or_else(|| State::new(&spec));
        let uid = Uid::from(pod.uid().unwrap_or_default());
        let place = Place { pod_ip: manifest.address, host_ip: manifest.host, dir: folder.path().to_owned() };
        let (answer, answers) = mpsc::channel(WAITING);
        let (report, reports) = watch::channel(Report::default());
        let (ready, coming) = watch::channel(Vec::new());
        let reporter = Reporter { client: shared.client.clone(), pod: pod.clone(), recorder: shared.recorder.clone() };
        let performer = Performer {
            shared: shared.clone(),
            uid,
            place,
            folder: folder.clone(),
            answer,
            ready: coming,
            remarked: Arc::default(),
        };
        Self {
            before: pod.status.clone(),
            words: Words::default(),
            shared,
            pod,
            spec,
            state,
            stored: Vec::new(),
            manifest,
            folder,
            performer,
            ready,
            answers,
            tasks: JoinSet::new(),
            report,
            _reporter: AbortOnDropHandle::new(tokio::spawn(reporter.run(reports))),
            gone: false,
            suspended: false,
        }
    }

    /// Keeps the pod until it is gone, or suspended; tells its UID and whether it is gone.
    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Input>) -> (Uid, bool) {
        let mut images = self.shared.lookup.changed();
        self.take(&Event::Recovered);
        if let Some(grace) = deletion(&self.pod) {
            self.take(&Event::Stop { why: Stop::Delete, grace });
        }
        while !self.is_finished() {
            let clock = self.shared.clock;
            let due = self.state.due().map(|due| clock.instant(due));
            let tick = async {
                if let Some(due) = due { tokio::time::sleep_until(due).await } else { std::future::pending().await }
            };
            tokio::select! {
                biased;
                Some(event) = self.answers.recv() => self.take(&event),
                input = inbox.recv() => match input {
                    Some(input) => self.hear(input),
                    // The local manager ends without a word: the worker lives on.
                    None => return (self.performer.uid.clone(), false),
                },
                Ok(()) = images.changed() => self.take(&Event::Retry),
                Some(_) = self.tasks.join_next() => {}
                () = tick => self.take(&Event::Tick),
            }
        }
        if self.gone {
            self.shared.runtime.release(&self.performer.uid).await;
            self.folder.remove();
        }
        (self.performer.uid.clone(), self.gone)
    }

    fn is_finished(&self) -> bool {
        (self.gone && self.state.is_released()) || (self.suspended && self.state.is_at_rest())
    }

    fn hear(&mut self, input: Input) {
        match input {
            Input::Pod(pod) => {
                let asked = deletion(&pod);
                let stop = asked.filter(|_| asked != deletion(&self.pod));
                let worth_storing = stop.is_some() || pod.spec != self.pod.spec;
                self.pod = pod;
                if is_doubted(&self.pod) {
                    self.report.send_modify(|report| report.doubts += 1);
                }
                if worth_storing {
                    self.manifest.pod = Pod::clone(&self.pod);
                    self.save_manifest();
                }
                if let Some(grace) = stop {
                    self.take(&Event::Stop { why: Stop::Delete, grace });
                }
            }
            Input::Gone => {
                self.gone = true;
                let grace = deletion(&self.pod).unwrap_or(self.spec.grace).min(LONGEST_FAREWELL);
                self.take(&Event::Stop { why: Stop::Delete, grace });
            }
            Input::Suspend => {
                self.suspended = true;
                self.take(&Event::Stop { why: Stop::Suspend, grace: self.spec.grace.min(LONGEST_SUSPENSION) });
            }
        }
    }

    fn save_manifest(&self) {
        if let Err(error) = self.folder.save_manifest(&self.manifest) {
            tracing::warn!(dir = %self.folder.path().display(), %error, "the pod's manifest is not stored");
        }
    }

    /// One step: store, perform, tell.
    fn take(&mut self, event: &Event) {
        let before = std::mem::replace(&mut self.state, State::new(&Spec::of_containers([])));
        let (state, effects) = step(&self.spec, before.clone(), event, self.shared.clock.now());
        self.state = state;
        self.tell_ready();
        let stored = self.store();
        let farewell = |run: &Run| {
            let serves = before.container(&run.container).is_some_and(Container::is_ready);
            let grace = deletion(&self.pod).unwrap_or(self.spec.grace);
            match self.state.stop {
                // It comes again, and whoever waits for the local manager to end shall not wait for it.
                Some(Stop::Suspend) => Farewell::Wait(Duration::ZERO),
                _ => Farewell::of(self.spec.container(&run.container), serves, grace),
            }
        };
        for effect in &effects {
            match (effect, &stored) {
                // What is not stored must not be started: after a crash nobody would know of it.
                (Effect::Start(run), Err(problem)) => {
                    let event = Event::NotStarted { run: run.clone(), problem: problem.clone() };
                    let answer = self.performer.answer.clone();
                    self.tasks.spawn(async move { drop(answer.send(event).await) });
                }
                _ => self.performer.perform(&self.pod, &self.spec, effect, farewell, &mut self.tasks),
            }
        }
        self.shared.metrics.saw(event);
        self.words.note(event);
        tell::tell(&self.shared.recorder, &self.pod, &before, &self.state, event, &effects);
        self.report();
    }

    /// Whoever started a run that is ready now has his turn behind him.
    fn tell_ready(&self) {
        let containers = self.state.containers.iter().filter(|container| container.is_ready());
        let ready: Vec<Run> = containers.map(Container::run).collect();
        self.ready.send_if_modified(|known| {
            let changed = *known != ready;
            *known = ready;
            changed
        });
    }

    fn store(&mut self) -> Result<(), Problem> {
        let failed = |error: &dyn std::fmt::Display| {
            let message = format!("{}: {error}; free space or permissions may lack", self.folder.path().display());
            Problem::new("StateNotStored", message)
        };
        let text = serde_json::to_vec(&self.state).map_err(|error| failed(&error))?;
        if text != self.stored {
            self.folder.save_state(&text).map_err(|error| failed(&error))?;
            self.stored = text;
        }
        Ok(())
    }

    fn report(&mut self) {
        // Suspension is between the local manager and itself.
        if self.suspended {
            return;
        }
        self.words.listen(&self.state, &self.performer.place);
        let default = PodSpec::default();
        let (pod_ip, host_ip) = (self.manifest.address.to_string(), self.manifest.host.to_string());
        let (namespace, name) = (self.pod.namespace().unwrap_or_default(), self.pod.name_any());
        let facts = Facts {
            namespace: &namespace,
            name: &name,
            runtime: self.shared.runtime.name(),
            pod_ip: &pod_ip,
            host_ip: &host_ip,
            accepted: self.manifest.accepted,
            said: &self.words.said,
            refused: &self.words.refused,
        };
        let spec = self.pod.spec.as_ref().unwrap_or(&default);
        let now = self.shared.clock.now();
        let status = status(spec, &self.spec, &self.state, facts, self.before.as_ref(), now);
        let over = self.state.is_released();
        self.report.send_if_modified(|report| {
            let changed = report.over != over || report.status.as_ref() != Some(&status);
            if changed {
                *report = Report { status: Some(status.clone()), over, ..*report };
            }
            changed
        });
        self.before = Some(status);
    }
}

/// Whether the cluster took this device for dead, and the pod with it.
fn is_doubted(pod: &Pod) -> bool {
    let mut conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.any(|condition| condition.type_ == "Ready" && condition.reason.as_deref() == Some("NodeNotReady"))
}

/// The grace of a pod that is being deleted.
fn deletion(pod: &Pod) -> Option<Duration> {
    pod.metadata.deletion_timestamp.as_ref()?;
    let grace = pod.metadata.deletion_grace_period_seconds.and_then(|grace| u64::try_from(grace).ok());
    Some(Duration::from_secs(grace.unwrap_or(30)))
}

/// Whether a pod ended before we knew of it: such a pod is not begun again.
pub(super) fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}
