//! What a global manager does, in numbers for Prometheus.
use std::time::Duration;

use dayu_core::engine::{Observer, Outcome};
use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// Names of labels, and their values.
type Labels = Vec<(&'static str, String)>;
type Histograms = Family<Labels, Histogram, fn() -> Histogram>;

/// All counters of one global manager. What is told costs a few atomic operations.
#[derive(Debug)]
pub(crate) struct Metrics {
    looks: Family<Labels, Counter>,
    errors: Family<Labels, Counter>,
    duration: Histograms,
    depth: Family<Labels, Gauge>,
    lag: Histograms,
    breaks: Family<Labels, Counter>,
    asked: Counter,
    acknowledged: Counter,
    activation: Histogram,
    leading: Gauge,
    devices: Gauge,
    lacking: Family<Labels, Gauge>,
}

impl Metrics {
    /// Counters at zero, and the registry that tells of them.
    pub(crate) fn new() -> (Self, Registry) {
        let metrics = Self {
            looks: Family::default(),
            errors: Family::default(),
            duration: Family::new_with_constructor(seconds),
            depth: Family::default(),
            lag: Family::new_with_constructor(seconds),
            breaks: Family::default(),
            asked: Counter::default(),
            acknowledged: Counter::default(),
            activation: seconds(),
            leading: Gauge::default(),
            devices: Gauge::default(),
            lacking: Family::default(),
        };
        let mut registry = Registry::with_prefix("dayu_gm");
        let Self { looks, errors, duration, depth, lag, breaks, asked, acknowledged, activation, .. } = &metrics;
        let Self { leading, devices, lacking, .. } = &metrics;
        registry.register("reconciles", "Looks at resources, by how they ended", looks.clone());
        registry.register("reconcile_errors", "Looks that ended badly, by reason", errors.clone());
        registry.register_with_unit("reconcile", "How long a look takes", Unit::Seconds, duration.clone());
        registry.register("queue_depth", "Resources that wait: for a look, or for the end of a pause", depth.clone());
        let help = "From the answer to an own write until the watch tells of it";
        registry.register_with_unit("watch_lag", help, Unit::Seconds, lag.clone());
        registry.register("watch_breaks", "Watches that broke and were opened again", breaks.clone());
        registry.register("activations_asked", "Routes that devices were asked to confirm", asked.clone());
        registry.register("activations_acknowledged", "Routes that devices confirmed", acknowledged.clone());
        let help = "From the demand to confirm a route to its confirmation";
        registry.register_with_unit("activation", help, Unit::Seconds, activation.clone());
        registry.register("leading", "1 where this one leads", leading.clone());
        registry.register("link_devices", "Devices whose local manager is connected", devices.clone());
        let help = "Fields that the installed definition does not know: the server drops them";
        registry.register("definition_fields_lacking", help, lacking.clone());
        (metrics, registry)
    }

    /// How things stand when they are asked for.
    pub(crate) fn now(&self, leads: bool, devices: usize) {
        self.leading.set(i64::from(leads));
        self.devices.set(i64::try_from(devices).unwrap_or(i64::MAX));
    }

    /// So many fields of a kind are unknown to the server.
    pub(crate) fn lacks(&self, definition: &str, fields: usize) {
        let labels = vec![("definition", definition.to_owned())];
        self.lacking.get_or_create(&labels).set(i64::try_from(fields).unwrap_or(i64::MAX));
    }

    /// It leads no more: nothing waits for it.
    pub(crate) fn resigned(&self) {
        self.depth.clear();
    }

    /// A device is asked to confirm a route.
    pub(crate) fn asked(&self) {
        self.asked.inc();
    }

    /// It did, after so long.
    pub(crate) fn acknowledged(&self, after: Duration) {
        self.acknowledged.inc();
        self.activation.observe(after.as_secs_f64());
    }
}

impl Observer for Metrics {
    fn looked(&self, kind: &str, took: Duration, outcome: Outcome<'_>) {
        let (outcome, reason) = match outcome {
            Outcome::Done => ("done", None),
            Outcome::Rejected(reason) => ("rejected", Some(reason)),
            Outcome::Retry(reason) => ("retry", Some(reason)),
        };
        self.looks.get_or_create(&vec![("kind", kind.to_owned()), ("outcome", outcome.to_owned())]).inc();
        if let Some(reason) = reason {
            self.errors.get_or_create(&vec![("kind", kind.to_owned()), ("reason", reason.to_owned())]).inc();
        }
        self.duration.get_or_create(&of(kind)).observe(took.as_secs_f64());
    }

    fn queued(&self, kind: &str, ready: usize, paused: usize) {
        for (state, depth) in [("ready", ready), ("paused", paused)] {
            let labels = vec![("kind", kind.to_owned()), ("state", state.to_owned())];
            self.depth.get_or_create(&labels).set(i64::try_from(depth).unwrap_or(i64::MAX));
        }
    }

    fn echoed(&self, kind: &str, lag: Duration) {
        self.lag.get_or_create(&of(kind)).observe(lag.as_secs_f64());
    }

    fn watch_broke(&self, kind: &str, _why: &str) {
        self.breaks.get_or_create(&of(kind)).inc();
    }
}

fn of(kind: &str) -> Labels {
    vec![("kind", kind.to_owned())]
}

/// From a tenth of a millisecond to half a minute.
fn seconds() -> Histogram {
    Histogram::new([
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    ])
}

#[cfg(test)]
mod tests {
    use dayu_core::daemon::exposition;

    use super::*;

    #[test]
    fn one_that_leads_no_more_has_no_queue() {
        let (metrics, registry) = Metrics::new();
        let text = || exposition(&registry);
        metrics.queued("Kind", 3, 1);
        assert!(text().contains(r#"dayu_gm_queue_depth{kind="Kind",state="ready"} 3"#), "{}", text());
        metrics.resigned();
        assert!(!text().contains("dayu_gm_queue_depth{"), "{}", text());
    }
}
