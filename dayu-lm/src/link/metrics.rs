//! What the link does, in numbers for Prometheus.
use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// Counters of one link. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct LinkMetrics {
    pub(super) connected: Gauge,
    waiting: Gauge,
    acknowledged: Counter,
}

impl LinkMetrics {
    /// Lets `registry` tell of them.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "1 while there is a connection to the global manager";
        registry.register("link_connected", help, self.connected.clone());
        let help = "Messages to the global manager that it has not acknowledged";
        registry.register("link_waiting", help, self.waiting.clone());
        let help = "Routes whose application was acknowledged to the global manager";
        registry.register("activations_acknowledged", help, self.acknowledged.clone());
    }

    /// So many routes are acknowledged.
    pub(super) fn acknowledges(&self, routes: usize) {
        self.acknowledged.inc_by(u64::try_from(routes).unwrap_or(u64::MAX));
    }

    /// So many messages are in the outbox.
    pub(super) fn waits(&self, messages: usize) {
        self.waiting.set(i64::try_from(messages).unwrap_or(i64::MAX));
    }
}
