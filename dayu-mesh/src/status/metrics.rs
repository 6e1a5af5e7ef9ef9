//! What the mesh did and how it is, in numbers for Prometheus: made of what is counted anyway, when it is asked for.
use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use dayu_core::{
    daemon::{OPEN_METRICS, exposition},
    route::Phase,
};
use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::{Status, traffic::Traffic};

type Labels = Vec<(&'static str, String)>;

pub(super) async fn metrics(State(status): State<Arc<Status>>) -> Response {
    let mut registry = Registry::with_prefix("dayu_mesh");
    registry.register_collector(Box::new(Traffic(status.stats.traffic())));
    registry.register("refused", "Refusals by reason", refused(&status));
    registry.register("routes", "Routes of managed Services by state", routes(&status));
    registry.register("names", "Queries for names by what became of them", names(&status));
    let failed = status.feed.failures().len() + usize::from(status.feed.nameless().is_some());
    let help = "Addresses that should be listened on and are not";
    registry.register("failed_listeners", help, gauge(failed));
    let snapshot = status.directory.snapshot();
    registry.register(
        "synced",
        "1 once all Services and endpoints are known",
        gauge(usize::from(snapshot.is_synced())),
    );
    let help = "1 while what is served was known before the start, and the API has not been heard";
    registry.register("stale", help, gauge(usize::from(snapshot.is_stale())));
    let version = usize::try_from(snapshot.version()).unwrap_or(usize::MAX);
    registry.register("directory_version", "Changes that the directory has taken", gauge(version));
    ([(header::CONTENT_TYPE, OPEN_METRICS)], exposition(&registry)).into_response()
}

fn refused(status: &Status) -> Family<Labels, Counter> {
    let refused = Family::<Labels, Counter>::default();
    for (reason, count) in status.stats.refusals() {
        refused.get_or_create(&vec![("reason", reason.to_owned())]).inc_by(count);
    }
    refused
}

fn names(status: &Status) -> Family<Labels, Counter> {
    let names = Family::<Labels, Counter>::default();
    for (outcome, count) in status.stats.names() {
        names.get_or_create(&vec![("outcome", outcome.to_owned())]).inc_by(count);
    }
    names
}

fn routes(status: &Status) -> Family<Labels, Gauge> {
    let routes = Family::<Labels, Gauge>::default();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::from([("applied", 0), ("pending", 0)]);
    for route in status.directory.routes().routes.values() {
        let state = if route.phase == Phase::Applied { "applied" } else { "pending" };
        *counts.entry(state).or_default() += 1;
    }
    for (state, count) in counts {
        routes.get_or_create(&vec![("state", state.to_owned())]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    routes
}

fn gauge(value: usize) -> Gauge {
    let gauge = Gauge::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    gauge
}
