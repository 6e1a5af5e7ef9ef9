//! Resolve: from a request to all endpoints of its Service, in the newest snapshot.
use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::{Either, Ready, ready};
use tokio::time::Instant;
use tower::{Layer, Service};

use super::{Candidates, Error, Reason, Request, candidates::refused};
use crate::directory::{Directory, Gate, Snapshot};

/// Adds [`Resolve`] in front of a service of [`Candidates`].
#[derive(Clone, Debug)]
pub struct ResolveLayer {
    directory: Arc<Directory>,
    origin: Instant,
}

/// Looks the Service up and opens or closes its gate. Not for you if you hold endpoints of your own: build
/// [`Candidates`] and call the inner service.
#[derive(Clone, Debug)]
pub struct Resolve<S> {
    inner: S,
    layer: ResolveLayer,
}

impl ResolveLayer {
    /// Resolves in `directory`; times are counted from `origin`, one per process.
    #[must_use]
    pub fn new(directory: Arc<Directory>, origin: Instant) -> Self {
        Self { directory, origin }
    }
}

impl<S> Layer<S> for ResolveLayer {
    type Service = Resolve<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Resolve { inner, layer: self.clone() }
    }
}

impl<S, T> Service<Request> for Resolve<S>
where
    S: Service<Candidates, Response = T, Error = Error>,
{
    type Response = T;
    type Error = Error;
    type Future = Either<S::Future, Ready<Result<T, Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let now = self.layer.origin.elapsed();
        match self.layer.directory.with(|snapshot| resolve(snapshot, request, now)) {
            Ok(candidates) => Either::Left(self.inner.call(candidates)),
            Err(error) => Either::Right(ready(Err(error))),
        }
    }
}

/// The candidates of a request in a snapshot.
pub(super) fn resolve(snapshot: &Snapshot, request: Request, now: Duration) -> Result<Candidates, Error> {
    let Some(service) = snapshot.service(&request.service) else {
        return Err(refused(&request, Reason::NoSuchService, String::new()).into());
    };
    if let Some(device) = request.device()
        && snapshot.device(device.as_str()).is_none()
        && service.ports.iter().all(|port| port.endpoints.range(device.as_str()).is_empty())
    {
        return Err(refused(&request, Reason::NoSuchDevice, String::new()).into());
    }
    if let Gate::Closed(why) = &service.gate {
        return Err(refused(&request, Reason::RouteNotApplied, why.to_string()).into());
    }
    Candidates::new(request, service.clone(), now)
}
