//! Serves the status API's connections.
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::listen::{Door, accept};

/// Longest wait for the head of a request.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);

/// Accepts and serves for ever.
pub(crate) async fn serve(listener: TcpListener, door: Door, router: Router) {
    // A stream that outlived its mesh would tell of routes that nobody serves.
    let closed = CancellationToken::new();
    let _guard = closed.clone().drop_guard();
    accept(listener, door, move |stream, permit| {
        let (service, closed) = (TowerToHyperService::new(router.clone()), closed.clone());
        tokio::spawn(async move {
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(HEAD_DEADLINE).max_buf_size(64 * 1024);
            // An error is a client that went away or does not speak HTTP.
            let _ = closed.run_until_cancelled(server.serve_connection(TokioIo::new(stream), service)).await;
            drop(permit);
        });
    })
    .await;
}
