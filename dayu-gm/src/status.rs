//! What whoever watches over a global manager asks: does it answer, is it ready, what does it do.
use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use dayu_core::daemon::{OPEN_METRICS, Plight, exposition};
use prometheus_client::registry::Registry;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

use crate::{Error, link::Hub, metrics::Metrics};

/// How far a global manager is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The API has not answered yet.
    Starting,
    /// Another one leads, or none does yet.
    Standby,
    /// It leads, and begins: the API server is to know of it, and of the definitions.
    TakingOver,
    /// Its engines run.
    Leading,
}

impl Standing {
    /// Whether it does what it can: one that stands by is as ready as one that leads.
    fn is_ready(self) -> bool {
        matches!(self, Self::Standby | Self::Leading)
    }

    fn words(self) -> &'static str {
        match self {
            Self::Starting => "starting: the API has not answered yet",
            Self::Standby => "standing by: another global manager leads, or none does yet",
            Self::TakingOver => "taking over: the API server is told who leads, and the definitions are installed",
            Self::Leading => "leading",
        }
    }
}

/// Everything that can be asked about.
pub(crate) struct Status {
    pub(crate) standing: watch::Receiver<Standing>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) registry: Registry,
    pub(crate) hub: Hub,
    pub(crate) plight: Arc<Plight>,
}

/// A bound status API.
pub(crate) struct Listening {
    listener: TcpListener,
}

/// Binds the status API.
pub(crate) async fn listen(address: SocketAddr) -> Result<Listening, Error> {
    let bound = TcpListener::bind(address).await;
    Ok(Listening { listener: bound.map_err(|source| Error::Status { address, source })? })
}

impl Listening {
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Serves until `shutdown`.
    pub(crate) async fn serve(self, status: Status, shutdown: CancellationToken) {
        let router = Router::new()
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .with_state(Arc::new(status));
        let serving = async { axum::serve(self.listener, router).await };
        if let Some(Err(error)) = shutdown.run_until_cancelled(serving).await {
            tracing::error!(%error, "the status API ended");
        }
    }
}

async fn ready(State(status): State<Arc<Status>>) -> Response {
    let standing = *status.standing.borrow();
    let code = if standing.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, format!("{}\n{}", standing.words(), status.plight.words())).into_response()
}

async fn metrics(State(status): State<Arc<Status>>) -> Response {
    let leads = *status.standing.borrow() == Standing::Leading;
    status.metrics.now(leads, status.hub.connected());
    ([(header::CONTENT_TYPE, OPEN_METRICS)], exposition(&status.registry)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_that_cannot_do_its_part_is_not_ready() {
        let ready = [Standing::Starting, Standing::Standby, Standing::TakingOver, Standing::Leading];
        assert_eq!(ready.map(Standing::is_ready), [false, true, false, true]);
    }
}
