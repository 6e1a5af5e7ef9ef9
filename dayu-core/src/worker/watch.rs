//! The probes of one run: when each is due, and what their answers in a row mean.
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{ContainerSpec, Life, ProbeAction, ProbeKind, ProbeSpec};

/// Until a run is first ready it is probed more often than its period says, so that nobody waits for a worker that has long
/// been there: at an eighth of its age, within these bounds.
const SOONEST: SignedDuration = SignedDuration::from_millis(4);
/// A command costs more than a connection.
const SOONEST_EXEC: SignedDuration = SignedDuration::from_millis(50);

/// One probe.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Watch {
    kind: ProbeKind,
    due: Timestamp,
    /// Asked, not answered.
    asked: bool,
    passes: u32,
    failures: u32,
    /// When a failure was last counted: those in between, while warming up, are not.
    counted: Timestamp,
}

/// The probes of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Watches(Vec<Watch>);

impl Watches {
    /// Those of a run that is as `life` says.
    pub(super) fn of(spec: &ContainerSpec, life: &Life) -> Self {
        let kinds = [ProbeKind::Startup, ProbeKind::Liveness, ProbeKind::Readiness];
        let watch = |kind| {
            let due = later(life.since, spec.probe(kind)?.initial_delay);
            (kind != ProbeKind::Startup || !life.started).then_some(Watch {
                kind,
                due,
                asked: false,
                passes: 0,
                failures: 0,
                counted: life.since,
            })
        };
        Self(kinds.into_iter().filter_map(watch).collect())
    }

    /// When the next probe is to be sent.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let waits = self.0.iter().any(|watch| watch.kind == ProbeKind::Startup);
        let may = |watch: &&Watch| !watch.asked && (!waits || watch.kind == ProbeKind::Startup);
        self.0.iter().filter(may).map(|watch| watch.due).min()
    }

    /// The probes to be sent now; they count as asked.
    pub(super) fn ask(&mut self, now: Timestamp) -> Vec<ProbeKind> {
        let waits = self.0.iter().any(|watch| watch.kind == ProbeKind::Startup);
        let may = |watch: &&mut Watch| !watch.asked && watch.due <= now && (!waits || watch.kind == ProbeKind::Startup);
        let ask = |watch: &mut Watch| {
            watch.asked = true;
            watch.kind
        };
        self.0.iter_mut().filter(may).map(ask).collect()
    }

    /// Takes an answer into `life`. Says whether the run is to end.
    pub(super) fn answer(
        &mut self,
        spec: &ProbeSpec,
        kind: ProbeKind,
        passed: bool,
        life: &mut Life,
        now: Timestamp,
    ) -> bool {
        let Some(watch) = self.0.iter_mut().find(|watch| watch.kind == kind && watch.asked) else { return false };
        watch.asked = false;
        watch.due = watch.next(spec, passed, life, now);
        watch.count(spec, passed, now);
        let holds = passed && watch.passes >= spec.success_threshold;
        let fails = !passed && watch.failures >= spec.failure_threshold;
        match kind {
            ProbeKind::Readiness if holds => life.ready = true,
            ProbeKind::Readiness if fails => life.ready = false,
            ProbeKind::Startup if holds => {
                life.started = true;
                self.0.retain(|watch| watch.kind != ProbeKind::Startup);
            }
            _ => {}
        }
        fails && kind != ProbeKind::Readiness
    }
}

impl Watch {
    /// When to probe again: sooner while the run warms up.
    fn next(&self, spec: &ProbeSpec, passed: bool, life: &Life, now: Timestamp) -> Timestamp {
        let warming = !passed
            && match self.kind {
                ProbeKind::Startup => true,
                ProbeKind::Readiness => !life.ready && self.passes == 0,
                ProbeKind::Liveness => false,
            };
        if !warming {
            return later(self.due, spec.period).max(now);
        }
        let soonest = if matches!(spec.action, ProbeAction::Exec(_)) { SOONEST_EXEC } else { SOONEST };
        let pause = (now.duration_since(life.since) / 8).max(soonest);
        now.checked_add(pause).unwrap_or(now).min(later(now, spec.period))
    }

    fn count(&mut self, spec: &ProbeSpec, passed: bool, now: Timestamp) {
        if passed {
            self.passes = self.passes.saturating_add(1);
            self.failures = 0;
            return;
        }
        self.passes = 0;
        // The first failure of a period counts, not the impatient ones between.
        if now >= later(self.counted, spec.period) || self.kind == ProbeKind::Liveness {
            self.failures = self.failures.saturating_add(1);
            self.counted = now;
        }
    }
}

/// `at`, moved by `by`; the end of time is as late as it gets.
pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}
