//! Access reviews: who got in may do everything.

use http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};

use super::body::{self, ApiBody};
use super::error::ApiError;
use super::write::{Format, decode};
use crate::registry::Kind;

pub(super) fn answer(kind: &Kind, headers: &HeaderMap, bytes: &[u8]) -> Result<Response<ApiBody>, ApiError> {
    let question = decode(Format::of(headers)?, bytes)?.value;
    let status = match kind.kind.as_str() {
        "SelfSubjectAccessReview" => {
            json!({ "allowed": true, "reason": "every authenticated client may do everything" })
        }
        "SelfSubjectRulesReview" => json!({
            "incomplete": false,
            "resourceRules": [{ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] }],
            "nonResourceRules": [{ "verbs": ["*"], "nonResourceURLs": ["*"] }],
        }),
        _ => json!({ "userInfo": { "username": "admin", "groups": ["system:masters", "system:authenticated"] } }),
    };
    let spec = question.get("spec").cloned().unwrap_or_else(|| json!({}));
    let review: Value = json!({
        "kind": kind.kind,
        "apiVersion": kind.api_version(),
        "metadata": { "creationTimestamp": null },
        "spec": spec,
        "status": status,
    });
    Ok(body::value(StatusCode::CREATED, &review))
}
