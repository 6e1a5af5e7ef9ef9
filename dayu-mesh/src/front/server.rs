//! Serves the front's connections.
use std::{convert::Infallible, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use super::{Front, line::Line};
use crate::listen::{Door, accept};

/// Longest wait for the head of a request, idle time between two requests included.
const HEAD_DEADLINE: Duration = Duration::from_secs(75);
/// Bytes of a request's head; a longer one is answered with 431.
const HEAD: usize = 64 * 1024;

/// Accepts and serves for ever.
pub(crate) async fn serve(listener: TcpListener, door: Door, front: Arc<Front>) {
    accept(listener, door, move |stream, permit| {
        let front = Arc::clone(&front);
        front.carried.clone().spawn(async move {
            let closed = front.closed.clone();
            tokio::select! {
                () = closed.cancelled() => {}
                () = connection(front, stream) => {}
            }
            drop(permit);
        });
    })
    .await;
}

async fn connection(front: Arc<Front>, stream: TcpStream) {
    let ending = front.ending.clone();
    let client = stream.peer_addr().ok().map(|client| client.ip());
    let line = Line::new(stream);
    let service = service_fn(move |request| {
        let front = Arc::clone(&front);
        async move { Ok::<_, Infallible>(front.handle(request, client).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .max_buf_size(HEAD)
        .half_close(true)
        .serve_connection(TokioIo::new(line.clone()), service)
        .with_upgrades();
    tokio::pin!(connection);
    // An error here is a client that went away or does not speak HTTP: hyper has answered what can be answered.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = line.gone() => {}
        () = ending.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
