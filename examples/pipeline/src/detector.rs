//! The detector: `POST /frame` looks at the pixels, answers what it found, and posts the finding to the next stage.
//! The newest frame is kept where others on the device may look at it.
use std::sync::Arc;

use axum::{Json, Router, extract::DefaultBodyLimit, extract::State, routing::post};

use crate::{
    Settings, client,
    form::{Posted, Task},
    frame::{self, Finding},
    newest::Newest,
    web::{self, Identity},
};

/// Frames above this are refused.
const LARGEST_FRAME: usize = 8 * 1024 * 1024;

/// A finding and who made it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Detection {
    /// The detector that looked.
    #[serde(flatten)]
    pub by: Identity,
    /// What it looked at.
    pub task: Task,
    /// What it saw.
    #[serde(flatten)]
    pub finding: Finding,
    /// Whether the next stage took it; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered: Option<bool>,
}

impl Detection {
    /// Looks at the `pixels` of `task`; the next stage has not been told yet.
    #[must_use]
    pub fn of(by: Identity, task: Task, pixels: &[u8]) -> Self {
        let finding = frame::detect(pixels, task.width);
        Self { by, task, finding, delivered: None }
    }
}

struct Detector {
    settings: Settings,
    identity: Identity,
    newest: Option<Newest>,
}

pub(crate) fn routes(settings: Settings) -> Router {
    let health = web::health(&settings);
    let newest = settings.shared.clone().map(|folder| Newest::new(folder, settings.replica.clone()));
    let detector = Arc::new(Detector { identity: Identity::of(&settings), newest, settings });
    Router::new()
        .route("/frame", post(look))
        .layer(DefaultBodyLimit::max(LARGEST_FRAME))
        .with_state(detector)
        .merge(health)
}

async fn look(State(detector): State<Arc<Detector>>, posted: Posted) -> Json<Detection> {
    if let Some(newest) = &detector.newest
        && let Err(error) = newest.keep(&posted.pixels).await
    {
        report(&error);
    }
    let mut detection = Detection::of(detector.identity.clone(), posted.task, &posted.pixels);
    if let Some(next) = detector.settings.next.first() {
        let body = serde_json::to_vec(&detection).unwrap_or_default();
        detection.delivered =
            Some(client::post(next, detector.settings.proxy, "application/json", body.into()).await.is_ok());
    }
    Json(detection)
}

/// The frame is looked at all the same.
#[expect(clippy::print_stderr)]
fn report(error: &std::io::Error) {
    eprintln!("frame not kept: {error}; TEMP_PATH names a folder that can be written");
}
