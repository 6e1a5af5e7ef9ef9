//! One connection: handshake, who it is, its requests.

use std::convert::Infallible;
use std::time::Duration;

use futures::StreamExt;
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::{BodyExt, BodyStream, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::rest::{ApiBody, ApiError, ApiService};

const HANDSHAKE: Duration = Duration::from_secs(10);
const HEADERS: Duration = Duration::from_secs(30);
const HEADER_BYTES: usize = 256 * 1024;

pub(super) async fn handle(stream: TcpStream, acceptor: &TlsAcceptor, service: ApiService, stop: &CancellationToken) {
    // Replies are written whole; waiting to fill packets only adds delay.
    let _ = stream.set_nodelay(true);
    let tls = match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(tls)) => tls,
        Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake refused"),
        Err(_) => return tracing::debug!("TLS handshake not finished in time"),
    };
    let known = tls.get_ref().1.peer_certificates().is_some_and(|certificates| !certificates.is_empty());
    let requests = service_fn(|request: Request<Incoming>| answer(service.clone(), known, stop.clone(), request));
    // Version 1.1 only: on one machine connections cost little, and a second protocol would cost every program.
    let mut builder = Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADERS).max_buf_size(HEADER_BYTES);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(tls), requests));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection to the API ended");
    }
}

async fn answer(
    mut service: ApiService,
    known: bool,
    stop: CancellationToken,
    request: Request<Incoming>,
) -> Result<Response<ApiBody>, Infallible> {
    if !known && !is_public(request.uri().path()) {
        return Ok(ApiError::unauthorized().response());
    }
    let response = service.call(request).await?;
    // Watches and followed logs have no end of their own.
    if response.body().size_hint().exact().is_some() {
        return Ok(response);
    }
    let stopped = stop.cancelled_owned();
    Ok(response.map(|body| StreamBody::new(BodyStream::new(body).take_until(stopped)).boxed_unsync()))
}

fn is_public(path: &str) -> bool {
    matches!(path, "/healthz" | "/livez" | "/readyz" | "/version" | "/version/")
}
