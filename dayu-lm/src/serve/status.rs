//! What whoever watches over a local manager asks: does it answer, is it ready, what does it do.
use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use dayu_core::daemon::{OPEN_METRICS, Plight, exposition};
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use crate::Addresses;

type Ready = watch::Receiver<Option<Addresses>>;

/// The routes; it is ready once the device is registered and its pods are looked after. What hinders it stands below.
pub(crate) fn router(ready: Ready, plight: Arc<Plight>, registry: Registry) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .with_state((ready, plight))
        .merge(Router::new().route("/metrics", get(metrics)).with_state(Arc::new(registry)))
}

async fn readyz(State((ready, plight)): State<(Ready, Arc<Plight>)>) -> Response {
    let (code, word) = if ready.borrow().is_some() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the device is not registered yet: the API has not answered")
    };
    (code, format!("{word}\n{}", plight.words())).into_response()
}

async fn metrics(State(registry): State<Arc<Registry>>) -> Response {
    ([(header::CONTENT_TYPE, OPEN_METRICS)], exposition(&registry)).into_response()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn what_hinders_it_stands_below_whether_it_is_ready() {
        let ((plight, _), (_, ready)) = (Plight::new(), watch::channel(None));
        plight.grows("watch of Pods", "may not list pods: no");
        let answer = readyz(State((ready, Arc::new(plight)))).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(text.ends_with(b"\nwatch of Pods: may not list pods: no\n"), "{text:?}");
    }
}
