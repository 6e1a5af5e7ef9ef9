//! Routes of managed Services, as Dayu's local controllers read them.
use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use dayu_core::{name::Uid, route::SourceState};
use serde_json::json;

use super::Status;

pub(super) async fn all(State(status): State<Arc<Status>>) -> Response {
    Json(status.directory.routes()).into_response()
}

pub(super) async fn ready(State(status): State<Arc<Status>>) -> Response {
    let report = status.directory.routes();
    let code =
        if report.source_state == SourceState::Synced { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(report)).into_response()
}

pub(super) async fn unnamed() -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": "serviceUID is required"}))).into_response()
}

pub(super) async fn one(State(status): State<Arc<Status>>, Path(service): Path<String>) -> Response {
    if service.is_empty() || service.contains('/') {
        return unnamed().await;
    }
    match status.directory.route(&Uid::from(service.as_str())) {
        Some(route) if route.is_applied() => Json(route).into_response(),
        Some(route) => (StatusCode::SERVICE_UNAVAILABLE, Json(route)).into_response(),
        None => {
            let error = json!({"error": format!("route for Service UID {service} not found")});
            (StatusCode::NOT_FOUND, Json(error)).into_response()
        }
    }
}
