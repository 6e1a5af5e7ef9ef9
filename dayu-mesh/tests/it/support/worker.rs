//! Workers: plain HTTP servers that say who they are and what they were sent.
use std::{convert::Infallible, net::SocketAddr};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// What a worker answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) worker: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) host: String,
    pub(crate) headers: Vec<String>,
    pub(crate) bytes: usize,
}

/// Serves on `address` until dropped.
pub(crate) async fn start(name: &str, address: SocketAddr) -> AbortOnDropHandle<()> {
    let listener = TcpListener::bind(address).await.unwrap();
    let name = name.to_owned();
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let name = name.clone();
            let service = service_fn(move |request| see(name.clone(), request));
            connections.spawn(async move {
                drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
            });
        }
    }))
}

async fn see(worker: String, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let host = head.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
    let bytes = body.collect().await.map(|body| body.to_bytes().len()).unwrap_or_default();
    let seen = Seen {
        worker,
        method: head.method.to_string(),
        path: head.uri.to_string(),
        host,
        headers: head.headers.keys().map(ToString::to_string).collect(),
        bytes,
    };
    Ok(Response::new(Full::new(Bytes::from(serde_json::to_vec(&seen).unwrap()))))
}
