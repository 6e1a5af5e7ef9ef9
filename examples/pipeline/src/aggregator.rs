//! The aggregator: `POST /result` takes findings, `GET /summary` tells how many came from which device.
use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use tokio::sync::Mutex;

use crate::{
    Settings,
    detector::Detection,
    web::{self, Identity},
};

/// Findings and bright pixels of one detector's device.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    /// Findings received.
    pub findings: u64,
    /// Bright pixels in all of them.
    pub bright: u64,
}

type Tallies = Arc<Mutex<BTreeMap<String, Tally>>>;

pub(crate) fn routes(settings: &Settings) -> Router {
    let identity = Identity::of(settings);
    Router::new()
        .route("/result", post(async move |state, body| take(state, body, identity.clone()).await))
        .route("/summary", get(summary))
        .with_state(Tallies::default())
        .merge(web::health(settings))
}

async fn take(State(tallies): State<Tallies>, Json(detection): Json<Detection>, identity: Identity) -> Json<Identity> {
    let mut tallies = tallies.lock().await;
    let tally = tallies.entry(detection.by.device).or_default();
    tally.findings += 1;
    tally.bright += detection.finding.bright;
    Json(identity)
}

async fn summary(State(tallies): State<Tallies>) -> Json<BTreeMap<String, Tally>> {
    Json(tallies.lock().await.clone())
}
