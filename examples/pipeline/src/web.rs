//! What the two serving stages share: binding, and the answer that says who gave it.
use std::net::SocketAddr;

use axum::{Json, Router, routing::get};
use tokio::signal::unix::{SignalKind, signal};

use crate::Settings;

/// An address that could not be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve on {address}: {source}; free the port or set POD_IP and GUNICORN_PORT")]
pub struct ServeError {
    address: SocketAddr,
    source: std::io::Error,
}

/// Who answered: the worker's own word, taken from its environment.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Identity {
    /// `NODE_NAME`.
    pub device: String,
    /// `POD_NAME`.
    pub replica: String,
    /// The process.
    pub pid: u32,
}

impl Identity {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self { device: settings.device.clone(), replica: settings.replica.clone(), pid: std::process::id() }
    }
}

/// `GET /health`: who is here.
pub(crate) fn health(settings: &Settings) -> Router {
    let identity = Identity::of(settings);
    Router::new().route("/health", get(async move || Json(identity.clone())))
}

pub(crate) async fn serve(address: SocketAddr, routes: Router) -> Result<(), ServeError> {
    let failed = |source| ServeError { address, source };
    let listener = tokio::net::TcpListener::bind(address).await.map_err(failed)?;
    // What is being answered when it is told to end is answered.
    axum::serve(listener, routes).with_graceful_shutdown(told_to_end()).await.map_err(failed)
}

/// The first process of a container ends by no signal that it does not ask for: without this its whole grace would pass.
pub(crate) async fn told_to_end() {
    match signal(SignalKind::terminate()) {
        Ok(mut told) => drop(told.recv().await),
        Err(_) => std::future::pending().await,
    }
}
