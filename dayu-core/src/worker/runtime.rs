//! The driver that performs effects, and what it is told.
#![cfg_attr(any(test, feature = "test-util"), expect(clippy::disallowed_types, reason = "mockall's own"))]
use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Run;
use crate::name::Uid;

/// What a runtime calls something that runs: enough for it to find the very same thing again after a restart of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProcessId(Arc<str>);

impl ProcessId {
    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ProcessId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for ProcessId {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a run ended.
///
/// ```
/// use dayu_core::worker::Cause;
///
/// assert!(Cause::Code(0).is_success() && !Cause::Signal(15).is_success());
/// assert_eq!(Cause::Signal(9).exit_code(), 137);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// While nobody looked.
    Unknown,
}

impl Cause {
    /// Whether the program says that it did what it was meant to.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }

    /// As a shell and Kubernetes count: 128 and the signal; 137 where nobody looked.
    #[must_use]
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
            Self::Unknown => 137,
        }
    }
}

/// Why something could not be started: a reason for machines, such as `MountMissing`, and a message for people that names
/// what is missing and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct Problem {
    /// One word in CamelCase.
    pub reason: String,
    /// One or two sentences.
    pub message: String,
}

impl Problem {
    /// A problem of that kind.
    pub fn new(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason: reason.into(), message: message.into() }
    }
}

/// A file or folder of the device that a container sees at a path of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// On the device.
    pub source: PathBuf,
    /// In the container; absolute.
    pub target: PathBuf,
    /// The container may not write.
    pub read_only: bool,
}

/// What a container may use at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Thousandths of a processor.
    pub cpu_millis: Option<u64>,
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
}

/// Everything that a runtime needs to start one run: nothing is left to look up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// UID of the worker's pod.
    pub pod: Uid,
    /// Which run.
    pub run: Run,
    /// The container's image, as the pod names it.
    pub image: String,
    /// The program and its arguments, references resolved; empty where the image is to say, which it is only if the runtime
    /// [knows images](Runtime::knows_images).
    pub command: Vec<String>,
    /// Arguments for the image's own program; empty where there is a `command`.
    #[serde(default)]
    pub args: Vec<String>,
    /// The environment; names are unique.
    pub env: Vec<(String, String)>,
    /// Where the program begins; the runtime's choice when absent.
    pub working_dir: Option<PathBuf>,
    /// Files and folders to be seen.
    pub mounts: Vec<Mount>,
    /// Bounds on what is used.
    pub limits: Limits,
    /// Where output goes: created, appended to, and kept within bounds by the runtime.
    pub log: PathBuf,
}

/// Performs what [`step`](super::step) asks for. Implement it to run workers as something else than processes: about a
/// hundred lines, of which `examples/` has one.
///
/// A runtime keeps no plan and decides nothing: no restart, no back-off, no order. It must be able to tell a run that it
/// started before its own restart from every other ([`Runtime::find`]), or workers are started twice.
#[cfg_attr(any(test, feature = "test-util"), mockall::automock)]
#[async_trait]
pub trait Runtime: Send + Sync + 'static {
    /// What stands before `://` in a container's ID, such as `process`.
    fn name(&self) -> &'static str;

    /// Whether images say by themselves what is to run. Where they do not, a container without a command gets it from an image
    /// map, or is not started.
    fn knows_images(&self) -> bool {
        false
    }

    /// Starts a run and returns as soon as the program does run.
    ///
    /// # Errors
    /// The reason it does not; nothing may be left running then.
    async fn start(&self, launch: &Launch) -> Result<ProcessId, Problem>;

    /// The living process of this run, if there is one; `known` is what [`Runtime::start`] returned, unless the answer was
    /// lost in a crash.
    async fn find(&self, pod: &Uid, run: &Run, known: Option<ProcessId>) -> Option<ProcessId>;

    /// Waits until a process that was started or found has ended, with everything it started.
    async fn wait(&self, pod: &Uid, run: &Run, process: &ProcessId) -> Cause;

    /// Asks a process to end. One that has ended already is no mistake.
    async fn terminate(&self, pod: &Uid, run: &Run, process: &ProcessId);

    /// Ends a process, with everything it started. One that has ended already is no mistake.
    async fn kill(&self, pod: &Uid, run: &Run, process: &ProcessId);

    /// Runs a command beside a living process, with its environment and files.
    ///
    /// # Errors
    /// What went wrong, if it does not exit with 0 within `timeout`.
    async fn exec(&self, pod: &Uid, process: &ProcessId, command: &[String], timeout: Duration) -> Result<(), String>;

    /// Gives back what is held for a pod of which nothing runs any more. May be asked again after a crash.
    async fn release(&self, pod: &Uid);

    /// Ends whatever runs of other pods than `known`: asked once at the beginning, for what was lost track of.
    async fn retain(&self, known: &[Uid]) {
        let _ = known;
    }

    /// What people should know about the way in which this launch is carried out; told once as events of the pod.
    fn remarks(&self, launch: &Launch) -> Vec<Problem> {
        let _ = launch;
        Vec::new()
    }
}
