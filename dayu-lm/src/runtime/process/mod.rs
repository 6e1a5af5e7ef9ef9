//! Workers as plain processes of the device.
//!
//! Each run is a process group of its own, with its output in a file, so that it outlives a local manager that is killed;
//! the next one knows it again by its process ID, its start time and a mark in its environment. With the group's leader
//! ends the group.
mod adopted;
mod beside;
mod births;
mod identity;
mod limits;
mod mounts;
mod pages;
mod spawn;

use std::{
    collections::HashMap,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use async_trait::async_trait;
use dayu_core::{
    name::Uid,
    worker::{Cause, Launch, Problem, ProcessId, Run, Runtime},
};
use parking_lot::Mutex;
use rustix::process::Signal;
use tokio::task::spawn_blocking;
use tokio_util::task::AbortOnDropHandle;

use self::{births::Awaited, identity::Identity};
pub use self::{births::between_births, limits::Limiting, mounts::Mounting, pages::keep_pages_small};

/// The root that a process was started for as a worker, if it was: the data directory of its local manager.
#[must_use]
pub fn root_of(pid: u32) -> Option<PathBuf> {
    identity::root_of(pid)
}

/// Kills every worker whose root lies in `folder`, whoever looks after it, with its group. Gives how many there were: one that
/// was just being started bears its mark a moment later, so ask until there is none.
pub fn end_below(folder: &Path) -> usize {
    let left = identity::marked_below(folder);
    for worker in &left {
        worker.signal_group(Signal::KILL);
        worker.signal(Signal::KILL);
    }
    left.len()
}

/// Runs workers as processes.
#[derive(Debug)]
pub struct ProcessRuntime {
    /// Where the pods' folders are; also what tells our processes from those of other local managers.
    root: PathBuf,
    limiting: Limiting,
    mounting: Mounting,
    /// Those that this very process started, until somebody waits for them.
    children: Mutex<HashMap<ProcessId, Awaited>>,
}

impl ProcessRuntime {
    /// A runtime whose processes bear the mark of `root`. What the system permits is found out once, here.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let (limiting, mounting) = (Limiting::probe(), Mounting::probe());
        Self { root: root.into(), limiting, mounting, children: Mutex::default() }
    }

    /// How limits are kept.
    pub fn limiting(&self) -> &Limiting {
        &self.limiting
    }

    /// How containers see their mounts.
    pub fn mounting(&self) -> Mounting {
        self.mounting
    }
}

#[async_trait]
impl Runtime for ProcessRuntime {
    fn name(&self) -> &'static str {
        "process"
    }

    async fn start(&self, launch: &Launch) -> Result<ProcessId, Problem> {
        let fence = self.limiting.fence(launch).map_err(|error| Problem::new("LimitsNotSet", error.to_string()))?;
        let (root, launch, mounting) = (self.root.clone(), launch.clone(), self.mounting);
        // Until the program has taken its place, the thread that starts it is at a standstill.
        let spawned = spawn_blocking(move || spawn::spawn(&root, &launch, mounting, fence)).await;
        let child = spawned.unwrap_or_else(|error| Err(Problem::new("StartFailed", error.to_string())))?;
        let pid = child.id().unwrap_or_default();
        // A process that is gone already has no start time any more; it is waited for all the same.
        let process = Identity::of(pid).unwrap_or(Identity { pid, start: 0 }).id();
        self.children.lock().insert(process.clone(), child);
        Ok(process)
    }

    async fn find(&self, pod: &Uid, run: &Run, known: Option<ProcessId>) -> Option<ProcessId> {
        match known {
            Some(id) => Identity::parse(&id).filter(|identity| identity.is_alive()).map(|_| id),
            None => identity::find(&self.root, pod, run).map(|identity| identity.id()),
        }
    }

    async fn wait(&self, pod: &Uid, run: &Run, process: &ProcessId) -> Cause {
        let child = self.children.lock().remove(process);
        let identity = Identity::parse(process);
        // Found again after a restart as well: it is where the process writes.
        let log = identity.and_then(|identity| std::fs::read_link(format!("/proc/{}/fd/1", identity.pid)).ok());
        let log = log.filter(|log| log.starts_with(&self.root));
        let _attending = log.clone().map(|log| AbortOnDropHandle::new(tokio::spawn(crate::log::attend(log))));
        if let Some(identity) = &identity {
            adopted::ended(identity).await;
        }
        let cause = match child {
            // Its group ends with it, before its ID can be used again.
            Some(mut child) => {
                identity.iter().for_each(|identity| identity.signal_group(Signal::KILL));
                child.wait().await.map_or(Cause::Unknown, cause)
            }
            None => {
                identity::of_run(&self.root, pod, run).iter().for_each(|left| left.signal(Signal::KILL));
                Cause::Unknown
            }
        };
        if let Some(log) = log {
            crate::log::end(&log);
        }
        cause
    }

    /// Only the leader is asked, as in a container; whether its children hear of it is its own affair.
    async fn terminate(&self, _pod: &Uid, _run: &Run, process: &ProcessId) {
        if let Some(identity) = Identity::parse(process).filter(Identity::is_alive) {
            identity.signal(Signal::TERM);
        }
    }

    async fn kill(&self, _pod: &Uid, _run: &Run, process: &ProcessId) {
        if let Some(identity) = Identity::parse(process).filter(Identity::is_alive) {
            identity.signal_group(Signal::KILL);
        }
    }

    async fn exec(&self, _pod: &Uid, process: &ProcessId, command: &[String], timeout: Duration) -> Result<(), String> {
        let identity = Identity::parse(process).filter(Identity::is_alive).ok_or("it does not run any more")?;
        let mut beside = beside::start(&identity, command)?;
        match tokio::time::timeout(timeout, beside.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(format!("{}: {status}", command.join(" "))),
            Ok(Err(error)) => Err(format!("{}: {error}", command.join(" "))),
            Err(_) => Err(format!("{}: no answer after {timeout:?}", command.join(" "))),
        }
    }

    async fn release(&self, pod: &Uid) {
        for (_, stray) in identity::marked(&self.root).into_iter().filter(|(mark, _)| mark.pod == pod.as_str()) {
            stray.signal(Signal::KILL);
        }
        self.limiting.release(pod);
    }

    async fn retain(&self, known: &[Uid]) {
        for (mark, stray) in identity::marked(&self.root) {
            if !known.iter().any(|uid| uid.as_str() == mark.pod) {
                tracing::warn!(
                    pod = mark.pod,
                    container = mark.container,
                    pid = stray.pid,
                    "ended: nobody knows its pod"
                );
                stray.signal(Signal::KILL);
            }
        }
    }

    fn remarks(&self, launch: &Launch) -> Vec<Problem> {
        let mut remarks = Vec::new();
        if !launch.mounts.is_empty() {
            remarks.push(self.mounting.remark());
        }
        let limited = launch.limits.cpu_millis.is_some() || launch.limits.memory_bytes.is_some();
        if let (true, Limiting::Not(why)) = (limited, &self.limiting) {
            let message =
                format!("limits are not enforced on this device: {why}; run the local manager as root for that");
            remarks.push(Problem::new("LimitsNotEnforced", message));
        }
        remarks
    }
}

fn cause(status: ExitStatus) -> Cause {
    match (status.code(), status.signal()) {
        (Some(code), _) => Cause::Code(code),
        (None, Some(signal)) => Cause::Signal(signal),
        (None, None) => Cause::Unknown,
    }
}
