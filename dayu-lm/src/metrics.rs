//! What a local manager does, in numbers for Prometheus.
use dayu_core::worker::{Cause, Event};
use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::link::LinkMetrics;

type Labels = [(&'static str, String); 1];

/// All counters of one local manager. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    pods: Gauge,
    starts: Counter,
    failed_starts: Family<Labels, Counter>,
    exits: Family<Labels, Counter>,
    pub(crate) link: LinkMetrics,
}

impl Metrics {
    /// The registry that tells of them.
    pub(crate) fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix("dayu_lm");
        registry.register("pods", "Pods of the device that are looked after", self.pods.clone());
        registry.register("starts", "Containers that were started", self.starts.clone());
        let help = "Starts that failed, by reason";
        registry.register("failed_starts", help, self.failed_starts.clone());
        registry.register("exits", "Containers that ended, by how", self.exits.clone());
        self.link.register(&mut registry);
        registry
    }

    pub(crate) fn pods(&self, count: usize) {
        self.pods.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Something happened to a worker.
    pub(crate) fn saw(&self, event: &Event) {
        match event {
            Event::Started { .. } => drop(self.starts.inc()),
            Event::NotStarted { problem, .. } => {
                self.failed_starts.get_or_create(&[("reason", problem.reason.clone())]).inc();
            }
            Event::Exited { cause, .. } => {
                let how = match cause {
                    Cause::Code(0) => "success",
                    Cause::Code(_) => "error",
                    Cause::Signal(_) => "signal",
                    Cause::Unknown => "unknown",
                };
                self.exits.get_or_create(&[("how", how.to_owned())]).inc();
            }
            _ => {}
        }
    }
}
