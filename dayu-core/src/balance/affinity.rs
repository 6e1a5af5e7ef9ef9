//! Affinity: a Service that wants one client at one endpoint gets a key for each client.
use std::task::{Context, Poll};

use tower::{Layer, Service};

use super::{Candidates, hash};

/// Adds [`Affinity`].
#[derive(Clone, Copy, Debug, Default)]
pub struct AffinityLayer;

/// Gives requests to Services with client affinity the client's address as their key; a key that the request brings wins.
///
/// Leave it out where clients' addresses are not theirs, as behind another proxy.
#[derive(Clone, Debug)]
pub struct Affinity<S>(S);

impl<S> Layer<S> for AffinityLayer {
    type Service = Affinity<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Affinity(inner)
    }
}

impl<S: Service<Candidates>> Service<Candidates> for Affinity<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut candidates: Candidates) -> Self::Future {
        key(&mut candidates);
        self.0.call(candidates)
    }
}

/// Gives the request its client's key where the Service wants it.
pub(super) fn key(candidates: &mut Candidates) {
    if candidates.service.affine && candidates.request.key.is_none() {
        candidates.request.key = candidates.request.client.map(hash::client);
        candidates.sticky = candidates.request.key.is_some();
    }
}
