//! Outlier: endpoints that failed too often in a row are spared for a while, never the last ones of a device.
use std::task::{Context, Poll};

use tower::{Layer, Service};

use super::Candidates;

/// Adds [`Outlier`].
#[derive(Clone, Copy, Debug, Default)]
pub struct OutlierLayer;

/// Spares ejected endpoints as long as others are usable. [`Load`](super::Load) says which are ejected.
///
/// Leave it out where a failure says nothing about the next request.
#[derive(Clone, Debug)]
pub struct Outlier<S>(S);

impl<S> Layer<S> for OutlierLayer {
    type Service = Outlier<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Outlier(inner)
    }
}

impl<S: Service<Candidates>> Service<Candidates> for Outlier<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut candidates: Candidates) -> Self::Future {
        spare(&mut candidates);
        self.0.call(candidates)
    }
}

/// Spares ejected candidates unless that leaves none.
pub(super) fn spare(candidates: &mut Candidates) {
    candidates.spares_ejected = true;
    if candidates.usable_from(0).is_none() {
        candidates.spares_ejected = false;
    }
}
