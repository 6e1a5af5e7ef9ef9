//! `GET /containerLogs/{namespace}/{pod}/{container}`, as the API server asks a kubelet.
use std::{
    fs,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::log::{self, Choice};

/// Lines that wait for a slow reader.
const WAITING: usize = 64;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    follow: bool,
    previous: bool,
    timestamps: bool,
    tail_lines: Option<usize>,
    since_seconds: Option<i64>,
    since_time: Option<Timestamp>,
    limit_bytes: Option<usize>,
}

/// The routes, over the folders of the device's pods.
pub(crate) fn router(folders: PathBuf) -> Router {
    Router::new().route("/containerLogs/{namespace}/{pod}/{container}", get(logs)).with_state(Arc::new(folders))
}

async fn logs(
    Path((namespace, pod, container)): Path<(String, String, String)>,
    Query(asked): Query<Asked>,
    State(folders): State<Arc<PathBuf>>,
) -> Response {
    let Some(log) = find(&folders, &namespace, &pod, &container, asked.previous) else {
        let which = if asked.previous { "previous run of container" } else { "container" };
        let why = format!(
            "{which} {container:?} in pod {namespace}/{pod} has no log on this device; it may not have been started"
        );
        return (StatusCode::BAD_REQUEST, why).into_response();
    };
    let ago = |seconds| Timestamp::now().checked_sub(SignedDuration::from_secs(seconds)).ok();
    let choice = Choice {
        follow: asked.follow,
        timestamps: asked.timestamps,
        tail: asked.tail_lines,
        since: asked.since_time.or_else(|| asked.since_seconds.and_then(ago)),
        limit: asked.limit_bytes,
    };
    let (out, lines) = mpsc::channel::<Bytes>(WAITING);
    tokio::spawn(async move {
        if let Err(error) = log::stream(log, choice, out).await {
            tracing::debug!(%error, "a log broke off");
        }
    });
    let lines = futures::stream::unfold(lines, async |mut lines| Some((lines.recv().await?, lines)));
    let body = Body::from_stream(lines.map(Ok::<_, std::convert::Infallible>));
    ([(header::CONTENT_TYPE, "text/plain")], body).into_response()
}

/// The log of the container's latest run, or of the one before.
fn find(folders: &FilePath, namespace: &str, pod: &str, container: &str, previous: bool) -> Option<PathBuf> {
    // Names come from the path of the request: they must stay names.
    if [namespace, pod, container].iter().any(|name| name.contains('/') || name.starts_with('.')) {
        return None;
    }
    let prefix = format!("{namespace}_{pod}_");
    let pods = fs::read_dir(folders).ok()?.flatten();
    let mut pods: Vec<_> = pods.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)).collect();
    pods.sort_by_key(|entry| entry.metadata().and_then(|data| data.modified()).ok());
    log::find(&pods.pop()?.path().join(container), previous)
}
