//! The form that Prometheus reads metrics in.
use prometheus_client::{encoding::text::encode, registry::Registry};

/// The content type of an [`exposition`].
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The numbers that `registry` holds now, as text.
///
/// ```
/// use prometheus_client::{metrics::counter::Counter, registry::Registry};
///
/// let (mut registry, picks) = (Registry::with_prefix("shop"), Counter::<u64>::default());
/// registry.register("picks", "Endpoints picked", picks.clone());
/// picks.inc();
/// assert!(dayu_core::daemon::exposition(&registry).contains("shop_picks_total 1\n"));
/// ```
#[must_use]
pub fn exposition(registry: &Registry) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = encode(&mut text, registry);
    text
}
