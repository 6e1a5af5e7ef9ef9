//! Serves the status API's connections.
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::listen::{Door, Permit, accept, accept_local};

/// Longest wait for the head of a request.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);

/// Accepts and serves for ever.
pub(crate) async fn serve(listener: TcpListener, door: Door, router: Router) {
    let clients = Clients::of(router);
    accept(listener, door, |stream, permit| clients.serve(stream, permit)).await;
}

/// The same on a Unix socket.
pub(crate) async fn serve_local(listener: UnixListener, door: Door, router: Router) {
    let clients = Clients::of(router);
    accept_local(listener, door, |stream, permit| clients.serve(stream, permit)).await;
}

/// Those of one listener.
struct Clients {
    router: Router,
    closed: CancellationToken,
    /// A stream that outlived its mesh would tell of routes that nobody serves.
    _guard: DropGuard,
}

impl Clients {
    fn of(router: Router) -> Self {
        let closed = CancellationToken::new();
        Self { router, closed: closed.clone(), _guard: closed.drop_guard() }
    }

    fn serve(&self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, permit: Permit) {
        let (service, closed) = (TowerToHyperService::new(self.router.clone()), self.closed.clone());
        tokio::spawn(async move {
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(HEAD_DEADLINE).max_buf_size(64 * 1024);
            // An error is a client that went away or does not speak HTTP.
            let _ = closed.run_until_cancelled(server.serve_connection(TokioIo::new(stream), service)).await;
            drop(permit);
        });
    }
}
