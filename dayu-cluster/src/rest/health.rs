//! Paths that name no resource: health and version.

use http::request::Parts;
use http::{Method, Response, StatusCode};
use serde_json::json;

use super::Api;
use super::body::{self, ApiBody};
use super::error::ApiError;

/// The Kubernetes whose behaviour this is.
const MINOR: &str = "37";

pub(super) fn respond(_: &Api, parts: &Parts) -> Result<Response<ApiBody>, ApiError> {
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Err(ApiError::method_not_allowed());
    }
    match parts.uri.path() {
        "/healthz" | "/livez" | "/readyz" => Ok(body::text(StatusCode::OK, "ok")),
        "/version" | "/version/" => Ok(body::value(StatusCode::OK, &version())),
        _ => Err(ApiError::no_resource()),
    }
}

fn version() -> serde_json::Value {
    json!({
        "major": "1",
        "minor": MINOR,
        "gitVersion": format!("v1.{MINOR}.0+{}.{}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "",
        "goVersion": "",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}
