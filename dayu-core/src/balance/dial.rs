//! Dial: connects within a deadline and remembers how it went.
use std::{
    ops::{Deref, DerefMut},
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};

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

/// Adds [`Dial`].
#[derive(Clone, Copy, Debug)]
pub struct DialLayer {
    deadline: Duration,
    origin: Instant,
}

/// Calls a connector for one endpoint, counts the request as in flight until the result is dropped, and records latency
/// and failures in the endpoint's [`Load`](super::Load).
#[derive(Clone, Debug)]
pub struct Dial<C> {
    connect: C,
    layer: DialLayer,
}

/// A connection, or whatever a connector makes, counted as in flight until dropped.
#[derive(Debug)]
pub struct Tracked<T> {
    inner: T,
    endpoint: Endpoint,
    origin: Instant,
    _in_flight: InFlight,
}

impl DialLayer {
    /// Connects within `deadline`; times are counted from `origin`, the one of [`ResolveLayer`](super::ResolveLayer).
    #[must_use]
    pub fn new(deadline: Duration, origin: Instant) -> Self {
        Self { deadline, origin }
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
    C::Error: std::fmt::Display + Send,
    C::Future: Send,
    T: Send + 'static,
{
    type Response = Tracked<T>;
    type Error = String;
    type Future = BoxFuture<'static, Result<Tracked<T>, String>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, Attempt { endpoint, .. }: Attempt) -> Self::Future {
        let (connect, DialLayer { deadline, origin }) = (self.connect.clone(), self.layer);
        Box::pin(async move {
            let in_flight = endpoint.load.begin();
            let began = Instant::now();
            let problem = match tokio::time::timeout(deadline, connect.oneshot(endpoint.clone())).await {
                Ok(Ok(inner)) => {
                    endpoint.load.succeeded(began.elapsed(), origin.elapsed());
                    return Ok(Tracked { inner, endpoint, origin, _in_flight: in_flight });
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no connection within {} ms", deadline.as_millis()),
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

    /// An answer came after `latency`.
    pub fn answered(&self, latency: Duration) {
        self.endpoint.load.succeeded(latency, self.origin.elapsed());
    }

    /// The endpoint failed after it was reached.
    pub fn failed(&self) {
        self.endpoint.load.failed(self.origin.elapsed());
    }

    /// The same count around something else, such as a connection taken out of it.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Tracked<U> {
        let Self { inner, endpoint, origin, _in_flight } = self;
        Tracked { inner: change(inner), endpoint, origin, _in_flight }
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
