//! The read-only status and directory API: what Dayu's local controllers ask of a mesh, and what workers ask of a device.
mod directory;
mod explain;
mod metrics;
mod routes;
mod server;
mod traffic;

mod watch;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use dayu_core::{directory::Directory, name::Device};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::{feed::Feed, stats::Stats};
pub(crate) use explain::Explain;
pub(crate) use server::{serve, serve_local};

/// Streams of events at once; each may be open for ever.
const WATCHERS: usize = 64;

/// Everything that can be asked about.
pub(crate) struct Status {
    pub(crate) directory: Arc<Directory>,
    pub(crate) own: Device,
    pub(crate) feed: Arc<Feed>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) explain: Explain,
    watchers: Arc<Semaphore>,
}

impl Status {
    pub(crate) fn new(
        directory: Arc<Directory>,
        own: Device,
        feed: Arc<Feed>,
        stats: Arc<Stats>,
        explain: Explain,
    ) -> Self {
        Self { directory, own, feed, stats, explain, watchers: Arc::new(Semaphore::new(WATCHERS)) }
    }

    /// The API as a service. Any method will do: Dayu's own mesh never looked at it, and nothing here changes anything.
    pub(crate) fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/healthz", any(async || Json(json!({"status": "ok"}))))
            .route("/readyz", any(routes::ready))
            .route("/metrics", any(metrics::metrics))
            .route("/v1/routes", any(routes::all))
            .route("/v1/routes/", any(routes::unnamed))
            .route("/v1/routes/{*service}", any(routes::one))
            .route("/v1/services", any(directory::services))
            .route("/v1/devices", any(directory::devices))
            .route("/v1/listeners", any(directory::listeners))
            .route("/v1/troubles", any(troubles))
            .route("/v1/explain", any(explain::explain))
            .route("/v1/watch", any(watch::watch))
            .route("/v1/stats", any(stats))
            .fallback(not_found)
            .with_state(self)
    }
}

async fn stats(State(status): State<Arc<Status>>) -> Response {
    Json(json!({"requests": status.stats.counts(), "refused": status.stats.refusals()})).into_response()
}

/// What keeps the mesh from its work.
async fn troubles(State(status): State<Arc<Status>>) -> Response {
    Json(json!({"troubles": status.feed.troubles()})).into_response()
}

/// What Go's `net/http` says.
async fn not_found() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (StatusCode::NOT_FOUND, headers, "404 page not found\n").into_response()
}
