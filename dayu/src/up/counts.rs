//! What a mesh counted: requests per service, device and replica.
use std::net::SocketAddr;

use serde::Deserialize;

use crate::mesh_api;

/// What is counted apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) service: String,
    pub(crate) device: String,
    pub(crate) replica: String,
}

#[derive(Deserialize)]
struct Stats {
    requests: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    service: String,
    device: String,
    pod: String,
    requests: u64,
}

/// The counts of the mesh at `address`; none while it does not answer.
pub(crate) async fn of(address: SocketAddr) -> Vec<(Key, u64)> {
    let Ok(answer) = mesh_api::get(address, "/v1/stats").await else { return Vec::new() };
    let Ok(stats) = serde_json::from_slice::<Stats>(&answer.body) else { return Vec::new() };
    let rows = stats.requests.into_iter();
    rows.map(|row| (Key { service: row.service, device: row.device, replica: row.pod }, row.requests)).collect()
}
