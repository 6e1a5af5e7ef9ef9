//! What the local manager serves: workers' reports, their logs, and how it is itself.
mod logs;
mod status;
mod workers;

use std::{io, net::SocketAddr};

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::patience::{is_in_use, while_in_use};

pub(crate) use self::{logs::router as logs, status::router as status, workers::router as workers};

/// Listens on `address`, or on any free port of it where `or_any` says so and the port is taken.
pub(crate) async fn listen(address: SocketAddr, or_any: bool) -> io::Result<TcpListener> {
    match while_in_use(|| bind(address)).await {
        Err(error) if or_any && is_in_use(&error) => bind(SocketAddr::new(address.ip(), 0)),
        done => done,
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Serves until `shutdown`; requests under way, such as a log that is followed, are cut then.
pub(crate) async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        served = async { axum::serve(listener, router).await } => {
            if let Err(error) = served {
                tracing::error!(%error, "serving ended");
            }
        }
    }
}
