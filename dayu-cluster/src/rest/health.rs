//! Paths that name no resource: health, version, discovery.

use http::header::{ACCEPT, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use serde_json::json;

use super::body::{self, ApiBody};
use super::error::ApiError;
use super::{Api, groups};

/// The Kubernetes whose behaviour this is.
const MINOR: &str = "37";

pub(super) fn respond(api: &Api, parts: &Parts) -> Result<Response<ApiBody>, ApiError> {
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Err(ApiError::method_not_allowed());
    }
    match parts.uri.path() {
        "/healthz" | "/livez" | "/readyz" => Ok(body::text(StatusCode::OK, "ok")),
        "/version" | "/version/" => Ok(body::value(StatusCode::OK, &version())),
        "/openapi/v2" => Ok(openapi(parts)),
        path => match discover(api, path.trim_end_matches('/')) {
            Some(document) => Ok(body::value(StatusCode::OK, &document)),
            None => Err(ApiError::no_resource()),
        },
    }
}

fn discover(api: &Api, path: &str) -> Option<serde_json::Value> {
    let kinds = api.registry.kinds();
    let mut parts = path.split('/').skip(1);
    match (parts.next()?, parts.next(), parts.next(), parts.next()) {
        ("api", None, ..) => Some(groups::core()),
        ("api", Some(version), None, _) => groups::resources(&kinds, "", version),
        ("apis", None, ..) => Some(groups::groups(&kinds)),
        ("apis", Some(group), None, _) => groups::group(&kinds, group),
        ("apis", Some(group), Some(version), None) => groups::resources(&kinds, group, version),
        _ => None,
    }
}

/// A document without a single schema: it keeps kubectl from checking what it sends, which is checked here anyway.
fn openapi(parts: &Parts) -> Response<ApiBody> {
    let accept = parts.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accept.contains("proto-openapi") {
        let kind = HeaderValue::from_static("application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
        return body::typed(StatusCode::OK, kind, body::whole(b"\x0a\x032.0".as_slice().into()));
    }
    let info = json!({ "title": "Kubernetes", "version": "unversioned" });
    body::value(StatusCode::OK, &json!({ "swagger": "2.0", "info": info, "paths": {} }))
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
