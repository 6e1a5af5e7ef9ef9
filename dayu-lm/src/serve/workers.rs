//! `POST /sedna/workers/{name}/info`: what workers tell of themselves, as Sedna's libraries send it.
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use dayu_core::link::{Message, Operation};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

/// The longest report that is read.
const LONGEST: usize = 1024 * 1024;
/// Kinds whose reports go up as they come, and whether results go with them.
const RELAYED: [(&str, bool); 3] =
    [("jointinferenceservice", false), ("jointmultiedgeservice", false), ("federatedlearningjob", true)];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Info {
    name: String,
    namespace: String,
    owner_name: String,
    owner_kind: String,
    owner_info: Map<String, Value>,
    kind: String,
    status: String,
    results: Vec<Value>,
}

impl Default for Info {
    fn default() -> Self {
        let text = String::new;
        Self {
            name: text(),
            namespace: text(),
            owner_name: text(),
            owner_kind: text(),
            owner_info: Map::new(),
            kind: text(),
            status: text(),
            results: Vec::new(),
        }
    }
}

/// The routes; what is told goes to `reports`.
pub(crate) fn router(reports: mpsc::Sender<Message>) -> Router {
    Router::new()
        .route("/sedna/workers/{name}/info", post(info))
        .layer(DefaultBodyLimit::max(LONGEST))
        .with_state(reports)
}

async fn info(
    Path(name): Path<String>,
    State(reports): State<mpsc::Sender<Message>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "send application/json").into_response();
    }
    let info: Info = match serde_json::from_slice(&body) {
        Ok(info) => info,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("the report cannot be read: {error}")).into_response(),
    };
    if info.name != name {
        let why = format!("the report is of worker {:?}, the path names {name:?}", info.name);
        return (StatusCode::BAD_REQUEST, why).into_response();
    }
    if let Some(message) = message(info) {
        // As with Sedna's controller a worker waits while nobody takes reports; unlike there, not for ever.
        if let Err(mpsc::error::TrySendError::Full(_)) = reports.try_send(message) {
            return (
                StatusCode::SERVICE_UNAVAILABLE,
                "too many reports wait for the global manager; send it again later",
            )
                .into_response();
        }
    }
    Json(json!({"Status": 200, "Message": "OK"})).into_response()
}

/// What goes up; nothing for kinds that no report is passed on for, as in Sedna.
fn message(info: Info) -> Option<Message> {
    let (kind, with_results) = RELAYED.into_iter().find(|(kind, _)| *kind == info.owner_kind)?;
    let models = if with_results { info.results.into() } else { Value::Null };
    let content = json!({
        "phase": info.kind,
        "status": info.status,
        "output": {"models": models, "ownerInfo": info.owner_info},
    });
    Some(Message::new(info.namespace, kind, info.owner_name, Operation::Status, content.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn post(reports: &mpsc::Sender<Message>, name: &str, content_type: &str, body: &str) -> StatusCode {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        let body = Bytes::from(body.to_owned());
        info(Path(name.to_owned()), State(reports.clone()), headers, body).await.status()
    }

    #[tokio::test]
    async fn a_report_goes_up_with_its_numbers_untouched_and_bad_ones_are_refused() {
        let (reports, mut up) = mpsc::channel(1);
        let body = r#"{"name":"w","namespace":"n","ownerName":"det","ownerKind":"jointmultiedgeservice",
            "ownerInfo":{"fps":29.970},"kind":"inference","status":"running","results":[{"x":1}]}"#;
        assert_eq!(post(&reports, "w", "application/json; charset=utf-8", body).await, StatusCode::OK);
        let message = up.recv().await.unwrap();
        assert_eq!((&*message.kind, &*message.name), ("jointmultiedgeservice", "det"));
        let content = std::str::from_utf8(&message.content).unwrap();
        assert!(content.contains(r#""ownerInfo":{"fps":29.97"#) && content.contains(r#""models":null"#), "{content}");
        assert_eq!(post(&reports, "other", "application/json", body).await, StatusCode::BAD_REQUEST);
        assert_eq!(post(&reports, "w", "application/json", "{").await, StatusCode::BAD_REQUEST);
        assert_eq!(post(&reports, "w", "text/plain", body).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let unknown = body.replace("jointmultiedgeservice", "nothing");
        assert_eq!(post(&reports, "w", "application/json", &unknown).await, StatusCode::OK);
        assert_eq!(post(&reports, "w", "application/json", body).await, StatusCode::OK);
        assert_eq!(post(&reports, "w", "application/json", body).await, StatusCode::SERVICE_UNAVAILABLE);
    }
}
