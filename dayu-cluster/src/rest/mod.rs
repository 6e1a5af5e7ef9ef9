//! The REST API: paths, verbs, and the `Status` bodies of refusals.

use std::convert::Infallible;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use http_body_util::Full;

use crate::store::Store;

/// The API as a `tower::Service`. Clones share the cluster.
#[derive(Clone, Debug)]
pub struct ApiService {
    store: Store,
}

impl ApiService {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }
}

impl<B> tower::Service<Request<B>> for ApiService {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        tracing::debug!(version = self.store.version(), "no verb yet");
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
        Box::pin(std::future::ready(Ok(response)))
    }
}
