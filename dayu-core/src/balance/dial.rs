//! Dial: connects within a deadline and remembers how it went.
use std::{
    ops::{Deref, DerefMut},
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::time::Instant;
use tower::{BoxError, Layer, Service, ServiceExt};

use super::InFlight;
use crate::directory::Endpoint;

/// One endpoint to be reached.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// When the request came, since a moment fixed per process.
    pub now: Duration,
}

/// Why an endpoint could not be reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// Not within the deadline.
    #[error("no connection within {} ms", .0.as_millis())]
    Late(Duration),
    /// The connector says so.
    #[error(transparent)]
    Failed(BoxError),
}

/// What counts as a success of an endpoint, and ends its row of failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Success {
    /// That it was reached: all there is to know of a connection for bytes.
    #[default]
    Connection,
    /// That it answered, which whoever holds the [`Tracked`] tells by [`Tracked::answered`]. For connections that are kept
    /// and taken again, and endpoints that accept and then break every exchange.
    Answer,
}

/// Adds [`Dial`].
#[derive(Clone, Copy, Debug)]
pub struct DialLayer {
    deadline: Duration,
    origin: Instant,
    success: Success,
}

/// Calls a connector for one endpoint, counts the request as in flight until the result is dropped, and records failures in
/// the endpoint's [`Load`](super::Load).
///
/// Not how long connecting takes: a connection stands as fast with a busy endpoint as with an idle one, or was there before.
/// Latency is what [`Tracked::answered`] is told.
#[derive(Clone, Debug)]
pub struct Dial<C> {
    connect: C,
    layer: DialLayer,
}

/// A connection, or whatever a connector makes, counted as in flight until dropped.
///
/// ```
/// use dayu_core::balance::Tracked;
/// use std::time::Duration;
/// use tokio::time::Instant;
///
/// async fn exchange<C>(connection: Tracked<C>, talk: impl AsyncFnOnce(&C) -> std::io::Result<()>) -> std::io::Result<()> {
///     let sent = Instant::now();
///     match talk(&connection).await {
///         Ok(()) => connection.answered(sent.elapsed()),
///         Err(_) => connection.failed(),
///     }
///     Ok(()) // no longer in flight
/// }
/// ```
#[derive(Debug)]
#[must_use = "it counts as in flight until it is dropped"]
pub struct Tracked<T> {
    inner: T,
    endpoint: Endpoint,
    origin: Instant,
    _in_flight: InFlight,
}

impl DialLayer {
    /// Connects within `deadline`; times are counted from `origin`, the one of [`ResolveLayer`](super::ResolveLayer).
    #[must_use]
    pub fn new(deadline: Duration, origin: Instant, success: Success) -> Self {
        Self { deadline, origin, success }
    }
}

impl<C> Layer<C> for DialLayer {
    type Service = Dial<C>;

    fn layer(&self, connect: C) -> Self::Service {
        Dial { connect, layer: *self }
    }
}

impl<C, T> Service<Attempt> for Dial<C>
where
    C: Service<Endpoint, Response = T> + Clone + Send + 'static,
    C::Error: Into<BoxError>,
    C::Future: Send,
    T: Send + 'static,
{
    type Response = Tracked<T>;
    type Error = DialError;
    type Future = BoxFuture<'static, Result<Tracked<T>, DialError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, Attempt { endpoint, .. }: Attempt) -> Self::Future {
        let (connect, DialLayer { deadline, origin, success }) = (self.connect.clone(), self.layer);
        Box::pin(async move {
            let in_flight = endpoint.load.begin();
            let problem = match tokio::time::timeout(deadline, connect.oneshot(endpoint.clone())).await {
                Ok(Ok(inner)) => {
                    if success == Success::Connection {
                        endpoint.load.reached();
                    }
                    return Ok(Tracked { inner, endpoint, origin, _in_flight: in_flight });
                }
                Ok(Err(error)) => DialError::Failed(error.into()),
                Err(_) => DialError::Late(deadline),
            };
            endpoint.load.failed(origin.elapsed());
            Err(problem)
        })
    }
}

impl<T> Tracked<T> {
    /// Where it leads.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// An answer came after `latency`: from the last byte of the request to the first of the answer.
    pub fn answered(&self, latency: Duration) {
        self.endpoint.load.succeeded(latency, self.origin.elapsed());
    }

    /// The endpoint failed after it was reached, or answered that it cannot serve.
    pub fn failed(&self) {
        self.endpoint.load.failed(self.origin.elapsed());
    }

    /// What it leads to, and the count alone: the request is in flight for as long as the second is there.
    pub fn split(self) -> (T, Tracked<()>) {
        let Self { inner, endpoint, origin, _in_flight } = self;
        (inner, Tracked { inner: (), endpoint, origin, _in_flight })
    }
}

impl<T> Deref for Tracked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for Tracked<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}
