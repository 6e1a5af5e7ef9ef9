//! The REST API: paths, verbs, and the `Status` bodies of refusals.
//!
//! A request names a kind of the [`registry`](crate::registry), a verb and options; reads are in `list` and `watch`,
//! writes in `write`. Objects leave as the bytes they are stored as wherever the client wants them whole.

mod accept;
mod addresses;
mod body;
mod definitions;
mod dispatch;
mod error;
mod field;
mod health;
mod list;
mod path;
mod pods;
mod query;
mod read;
mod review;
mod selector;
mod shape;
mod watch;
mod write;

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use tower::BoxError;

use crate::cluster::Config;
use crate::discovery::Schemas;
use crate::registry::Registry;
use crate::store::Store;

pub(crate) use addresses::Addresses;
pub(crate) use body::ApiBody;
pub(crate) use error::ApiError;

/// What every request needs; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    /// Documents that were made of the kinds.
    pub(crate) schemas: Arc<Schemas>,
    pub(crate) addresses: Arc<Addresses>,
    pub(crate) config: Arc<Config>,
}

/// The API as a `tower::Service`; never fails but in a reply. Clones share the cluster.
#[derive(Clone, Debug)]
pub struct ApiService {
    api: Api,
}

impl ApiService {
    pub(crate) fn new(api: Api) -> Self {
        Self { api }
    }
}

impl<B> tower::Service<Request<B>> for ApiService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<ApiBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        dispatch::respond(self.api.clone(), request).map(Ok).boxed()
    }
}
