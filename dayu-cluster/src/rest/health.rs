//! Paths that name no resource: health, version, discovery.

use http::header::{ACCEPT, HeaderValue, VARY};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use serde_json::json;

use super::Api;
use super::body::{self, ApiBody};
use super::error::ApiError;
use crate::discovery::{self, Document};

/// The Kubernetes whose behaviour this is.
const MINOR: &str = "37";

pub(super) fn respond(api: &Api, parts: &Parts) -> Result<Response<ApiBody>, ApiError> {
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Err(ApiError::method_not_allowed());
    }
    match parts.uri.path() {
        "/healthz" | "/livez" | "/readyz" => Ok(body::text(StatusCode::OK, "ok")),
        "/version" | "/version/" => Ok(body::value(StatusCode::OK, &version())),
        path => {
            let accept = parts.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
            let document = discovery::respond(&api.registry.kinds(), &api.schemas, path, accept);
            Ok(document.map_or_else(no_page, typed))
        }
    }
}

/// No `Status`: nothing of the API is at such a path.
pub(super) fn no_page() -> Response<ApiBody> {
    body::text(StatusCode::NOT_FOUND, "404 page not found\n")
}

fn typed(document: Document) -> Response<ApiBody> {
    let content_type = HeaderValue::from_static(document.content_type);
    let mut response = body::typed(StatusCode::OK, content_type, body::whole(document.body));
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    response
}

fn version() -> serde_json::Value {
    json!({
        "major": "1",
        "minor": MINOR,
        "emulationMajor": "1",
        "emulationMinor": MINOR,
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": MINOR,
        "gitVersion": format!("v1.{MINOR}.0+{}.{}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "",
        "goVersion": "",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}
