//! What is known about a worker. Serialisable: it is stored before any effect runs.
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Ended, Life, Problem, Run, Spec, Stop, watch::Watches};

/// Where a container is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Containers before it have not ended.
    Pending,
    /// To be started at `until`.
    Waiting {
        /// Not before this.
        until: Timestamp,
        /// Why the last start failed, if that is what it waits for.
        problem: Option<Problem>,
    },
    /// The start was asked for.
    Starting,
    /// It runs.
    Running(Life),
    /// It was asked to end.
    Stopping {
        /// What is to end.
        life: Life,
        /// When it is killed; none once it was.
        kill_at: Option<Timestamp>,
        /// A probe ended it: it did not do its work, whatever its exit code says.
        unhealthy: bool,
    },
    /// The driver was away; whether the run is alive was asked.
    Lost {
        /// What ran before; none if its start was not confirmed.
        life: Option<Life>,
        /// It was asked to end.
        stopping: bool,
        /// See [`Phase::Stopping`].
        unhealthy: bool,
    },
    /// It ended and is not started again.
    Ended(Ended),
    /// It was stopped before it ever ran.
    Cancelled,
}

/// One container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is.
    pub phase: Phase,
    /// Number of the latest run; 0 before the first.
    pub attempt: u32,
    /// How often it was started again after it had ended.
    pub restarts: u32,
    /// Crashes in a row: what the back-off counts.
    pub crashes: u32,
    /// Failed starts in a row.
    pub failures: u32,
    /// Why the last start failed: told until one succeeds, also while the next is tried.
    #[serde(default)]
    pub(super) problem: Option<Problem>,
    /// How the run before the present one ended.
    pub last: Option<Ended>,
    /// The probes of the present run; begun anew after a restart of the driver.
    #[serde(skip)]
    pub(super) watches: Watches,
}

/// One worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// In the order of the [`Spec`].
    pub containers: Vec<Container>,
    /// It is to stop.
    pub stop: Option<Stop>,
    /// From the request to end until the kill, in milliseconds, where it is to stop.
    pub(super) grace_ms: u64,
    /// [`Effect::Release`](super::Effect::Release) was asked for.
    pub(super) released: bool,
}

impl Container {
    fn new(name: Arc<str>) -> Self {
        Self {
            name,
            phase: Phase::Pending,
            attempt: 0,
            restarts: 0,
            crashes: 0,
            failures: 0,
            problem: None,
            last: None,
            watches: Watches::default(),
        }
    }

    /// The present run.
    #[must_use]
    pub fn run(&self) -> Run {
        Run { container: self.name.clone(), attempt: self.attempt }
    }

    /// The last run and the one before, where they ended, with how; the last one first.
    pub fn ends(&self) -> impl Iterator<Item = (Run, &Ended)> {
        let present = if let Phase::Ended(ended) = &self.phase { Some(ended) } else { None };
        let run = |ended: &Ended| Run { container: self.name.clone(), attempt: ended.attempt };
        present.into_iter().chain(&self.last).map(move |ended| (run(ended), ended))
    }

    /// Requests may be sent to it.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        match &self.phase {
            Phase::Running(life) | Phase::Lost { life: Some(life), stopping: false, .. } => life.ready,
            _ => false,
        }
    }

    /// Nothing of it runs, and nothing will.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended(_) | Phase::Cancelled)
    }

    /// Something of it may run.
    #[must_use]
    pub fn may_live(&self) -> bool {
        matches!(self.phase, Phase::Starting | Phase::Running(_) | Phase::Stopping { .. } | Phase::Lost { .. })
    }
}

impl State {
    /// A worker of which nothing ever ran.
    #[must_use]
    pub fn new(spec: &Spec) -> Self {
        let containers = spec.containers.iter().map(|container| Container::new(container.name.clone())).collect();
        Self { containers, stop: None, grace_ms: 0, released: false }
    }

    /// The container of that name.
    #[must_use]
    pub fn container(&self, name: &str) -> Option<&Container> {
        self.containers.iter().find(|container| &*container.name == name)
    }

    /// Nothing runs, and before the next event nothing will.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        !self.containers.iter().any(Container::may_live)
    }

    /// Everything has ended for good and was released: the pod may go.
    #[must_use]
    pub fn is_released(&self) -> bool {
        self.released
    }

    /// When [`Event::Tick`](super::Event::Tick) is wanted; none when only other events can change anything.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        let due = |container: &Container| match &container.phase {
            Phase::Waiting { until, .. } if self.stop.is_none() => Some(*until),
            Phase::Stopping { kill_at, .. } => *kill_at,
            Phase::Running(_) => container.watches.due(),
            _ => None,
        };
        self.containers.iter().filter_map(due).min()
    }
}
