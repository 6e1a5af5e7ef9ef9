//! What runs of a pod say of why they fail: kept as long as it is told of.
use std::collections::HashMap;

use dayu_core::worker::{Container, Event, ProbeKind, Run, State};

use crate::{log, prepare::Place};

#[derive(Default)]
pub(super) struct Words {
    /// The last line of each run that failed and is still told of.
    pub(super) said: HashMap<Run, String>,
    /// Why the latest readiness probe of each run failed, if it did.
    pub(super) refused: HashMap<Run, String>,
}

impl Words {
    /// Keeps why readiness probes fail, of the runs there are.
    pub(super) fn note(&mut self, event: &Event) {
        if let Event::Probed { run, kind: ProbeKind::Readiness, verdict } = event {
            self.refused.retain(|other, _| other.container != run.container);
            if let Err(why) = verdict {
                self.refused.insert(run.clone(), why.clone());
            }
        }
    }

    /// Reads what runs that failed said last, in their logs at `place`; each once.
    pub(super) fn listen(&mut self, state: &State, place: &Place) {
        let ends = state.containers.iter().flat_map(Container::ends);
        let failed: Vec<Run> = ends.filter(|(_, ended)| !ended.cause.is_success()).map(|(run, _)| run).collect();
        self.said.retain(|run, _| failed.contains(run));
        for run in failed {
            self.said.entry(run).or_insert_with_key(|run| log::last_line(&place.log(run)).unwrap_or_default());
        }
    }
}
