//! What a step is told and what it asks for.
use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Cause, ProbeKind, Problem, ProcessId};

/// One run of one container: what happens to an earlier run cannot be mistaken for news of this one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Run {
    /// Name of the container.
    pub container: Arc<str>,
    /// Number of the run, from 1.
    pub attempt: u32,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.container, self.attempt)
    }
}

/// Why a worker is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    /// For good: it was deleted.
    Delete,
    /// Until the driver comes back: its containers start again after [`Event::Recovered`].
    Suspend,
}

/// One observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The driver begins, for the first time or again: whatever it was doing before is not known to have happened.
    Recovered,
    /// [`Effect::Start`] succeeded.
    Started {
        /// Which run.
        run: Run,
        /// What runs.
        process: ProcessId,
    },
    /// [`Effect::Start`] failed; nothing runs.
    NotStarted {
        /// Which run.
        run: Run,
        /// Why.
        problem: Problem,
    },
    /// The answer to [`Effect::Find`]: what runs, if anything does.
    Found {
        /// Which run.
        run: Run,
        /// What runs.
        process: Option<ProcessId>,
    },
    /// A run ended.
    Exited {
        /// Which run.
        run: Run,
        /// How.
        cause: Cause,
    },
    /// The answer to [`Effect::Probe`].
    Probed {
        /// Which run.
        run: Run,
        /// Which of its probes.
        kind: ProbeKind,
        /// What it said; the text of a failure is for people.
        verdict: Result<(), String>,
    },
    /// Something that a failed start may have lacked has changed: try again now.
    Retry,
    /// The worker is to stop; each run is killed if it has not ended after `grace`.
    Stop {
        /// For good or for now.
        why: Stop,
        /// From the request to end until the kill.
        grace: Duration,
    },
    /// Time has passed: at [`State::due`](super::State::due).
    Tick,
}

/// One thing to do. Each is asked for once per observation that calls for it; its answer is an [`Event`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Start this run: answered by [`Event::Started`] or [`Event::NotStarted`], and later by [`Event::Exited`].
    Start(Run),
    /// Say whether this run is alive, and watch it if so: answered by [`Event::Found`], and later by [`Event::Exited`].
    Find(Run, Option<ProcessId>),
    /// Ask it to end.
    Terminate(Run, ProcessId),
    /// End it.
    Kill(Run, ProcessId),
    /// Probe it: answered by [`Event::Probed`], always.
    Probe(Run, ProbeKind, ProcessId),
    /// Everything has ended for good: give back what the worker held.
    Release,
}
