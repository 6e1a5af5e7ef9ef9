//! Performing one effect: a task each, whose answer is an event.
use std::sync::Arc;

use dayu_core::{
    name::Uid,
    worker::{ContainerSpec, Effect, Event, Launch, ProbeAction, ProbeSpec, Problem, ProcessId, Run, Spec},
};
use k8s_openapi::api::core::v1::Pod;
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::{Shared, farewell::Farewell, folder::Folder, probe};
use crate::prepare::{self, Place};

/// Performs effects of one pod.
#[derive(Clone)]
pub(super) struct Performer {
    pub(super) shared: Arc<Shared>,
    pub(super) uid: Uid,
    pub(super) place: Place,
    pub(super) folder: Folder,
    pub(super) answer: mpsc::Sender<Event>,
    /// The runs that requests may be sent to.
    pub(super) ready: watch::Receiver<Vec<Run>>,
    /// Reasons of remarks that were made already.
    pub(super) remarked: Arc<Mutex<Vec<String>>>,
}

impl Performer {
    /// Begins to perform `effect` among `tasks`; a run that is told to end has its `farewell` first.
    pub(super) fn perform(
        &self,
        pod: &Arc<Pod>,
        spec: &Spec,
        effect: &Effect,
        farewell: impl Fn(&Run) -> Farewell,
        tasks: &mut JoinSet<()>,
    ) {
        let this = self.clone();
        match effect.clone() {
            Effect::Start(run) => {
                let watchable = spec.container(&run.container).map_or(Ok(()), ContainerSpec::watchable);
                tasks.spawn(this.start(pod.clone(), run, watchable));
            }
            Effect::Find(run, known) => drop(tasks.spawn(this.find(run, known))),
            Effect::Terminate(run, process) => {
                let farewell = farewell(&run);
                tasks.spawn(this.terminate(pod.clone(), run, process, farewell));
            }
            Effect::Kill(run, process) => drop(tasks.spawn(this.kill(run, process))),
            Effect::Release => drop(tasks.spawn(async move { this.shared.runtime.release(&this.uid).await })),
            Effect::Probe(run, kind, process) => {
                let Some(probe) = spec.container(&run.container).and_then(|container| container.probe(kind)).cloned()
                else {
                    return;
                };
                tasks.spawn(async move {
                    let verdict = this.ask(&probe, &process).await;
                    this.send(Event::Probed { run, kind, verdict }).await;
                });
            }
        }
    }

    /// A keeper that is gone needs no answer.
    pub(super) async fn send(&self, event: Event) {
        let _ = self.answer.send(event).await;
    }

    async fn ask(&self, probe: &ProbeSpec, process: &ProcessId) -> Result<(), String> {
        match &probe.action {
            ProbeAction::Exec(command) => self.shared.runtime.exec(&self.uid, process, command, probe.timeout).await,
            _ => probe::probe(probe, self.place.pod_ip).await,
        }
    }

    async fn start(self, pod: Arc<Pod>, run: Run, watchable: Result<(), Problem>) {
        let turn = self.shared.turns.take().await;
        let started = async {
            watchable?;
            let launch = self.launch(&pod, &run).await?;
            Ok((self.shared.runtime.start(&launch).await?, launch))
        };
        match started.await {
            Ok((process, launch)) => {
                self.send(Event::Started { run: run.clone(), process: process.clone() }).await;
                self.folder.save_launch(&launch, &self.shared.plight);
                self.remark(&pod, &launch);
                let mut ready = self.ready.clone();
                let is_ready = ready.wait_for(|ready| ready.contains(&run));
                tokio::join!(turn.end_with(is_ready), self.wait(run.clone(), process));
            }
            Err(problem) => self.send(Event::NotStarted { run, problem }).await,
        }
    }

    /// What to start; the same as last time where the API does not answer.
    async fn launch(&self, pod: &Pod, run: &Run) -> Result<Launch, Problem> {
        let lookup = &self.shared.lookup;
        let fresh = match lookup.ready().await {
            Ok(()) => prepare::prepare(pod, run, &self.place, lookup, self.shared.runtime.knows_images()).await,
            Err(problem) => Err(problem),
        };
        match fresh {
            Err(problem) if problem.reason == prepare::UNREACHABLE => {
                self.folder.last_launch(run, self.place.log(run), &self.shared.plight).ok_or(problem)
            }
            fresh => fresh,
        }
    }

    fn remark(&self, pod: &Arc<Pod>, launch: &Launch) {
        for remark in self.shared.runtime.remarks(launch) {
            let mut made = self.remarked.lock();
            if !made.contains(&remark.reason) {
                self.shared.recorder.normal(pod, &remark.reason, remark.message);
                made.push(remark.reason);
            }
        }
    }

    async fn find(self, run: Run, known: Option<ProcessId>) {
        let process = self.shared.runtime.find(&self.uid, &run, known).await;
        self.send(Event::Found { run: run.clone(), process: process.clone() }).await;
        if let Some(process) = process {
            self.wait(run, process).await;
        }
    }

    async fn wait(&self, run: Run, process: ProcessId) {
        let cause = self.shared.runtime.wait(&self.uid, &run, &process).await;
        self.send(Event::Exited { run, cause }).await;
    }

    async fn terminate(self, pod: Arc<Pod>, run: Run, process: ProcessId, farewell: Farewell) {
        match farewell {
            Farewell::Wait(time) => tokio::time::sleep(time).await,
            Farewell::Ask(hook) => {
                if let Err(why) = self.ask(&hook, &process).await {
                    let message = format!("preStop of container {} failed: {why}", run.container);
                    self.shared.recorder.warning(&pod, "FailedPreStopHook", message);
                }
            }
        }
        self.shared.runtime.terminate(&self.uid, &run, &process).await;
    }

    async fn kill(self, run: Run, process: ProcessId) {
        self.shared.runtime.kill(&self.uid, &run, &process).await;
    }
}
