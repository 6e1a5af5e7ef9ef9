//! Balance: picks by policy, hands over, and takes the next candidate when one cannot be reached.
use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use tower::{BoxError, Layer, Service, ServiceExt};

use super::{Attempt, Candidates, Error, Policy, Seed};

/// Adds [`Balance`].
#[derive(Debug)]
pub struct BalanceLayer<P> {
    policy: Arc<P>,
    seed: Seed,
    attempts: usize,
}

/// Picks one candidate after the other until one can be reached.
///
/// Requests with a key are picked by consistent hash, and those to a Service that says how it is balanced by what that says,
/// whatever the policy. Not for you if a request must not be repeated
/// even though its connection never stood: set one attempt.
#[derive(Debug)]
pub struct Balance<P, S> {
    inner: S,
    layer: BalanceLayer<P>,
}

impl<P> BalanceLayer<P> {
    /// Picks by `policy`, at most `attempts` candidates for a request.
    #[must_use]
    pub fn new(policy: Arc<P>, seed: Seed, attempts: usize) -> Self {
        Self { policy, seed, attempts: attempts.max(1) }
    }
}

/// Clones share the policy, which therefore need not be `Clone` itself.
impl<P> Clone for BalanceLayer<P> {
    fn clone(&self) -> Self {
        Self { policy: self.policy.clone(), seed: self.seed.clone(), attempts: self.attempts }
    }
}

impl<P, S: Clone> Clone for Balance<P, S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<P, S> Layer<S> for BalanceLayer<P> {
    type Service = Balance<P, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Balance { inner, layer: self.clone() }
    }
}

impl<P, S, T> Service<Candidates> for Balance<P, S>
where
    P: Policy,
    S: Service<Attempt, Response = T, Error: Into<BoxError>> + Clone + Send + 'static,
    S::Future: Send,
    T: Send + 'static,
{
    type Response = T;
    type Error = Error;
    type Future = BoxFuture<'static, Result<T, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // The inner service is asked for each attempt: it may be another endpoint's turn by then.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, candidates: Candidates) -> Self::Future {
        let (inner, layer) = (self.inner.clone(), self.layer.clone());
        Box::pin(deliver(inner, layer, candidates))
    }
}

/// The next candidate; where a device was only preferred and has none left, of any device.
fn next<P: Policy>(layer: &BalanceLayer<P>, candidates: &mut Candidates) -> Option<usize> {
    let pick = |candidates: &Candidates| candidates.pick(&*layer.policy, &mut layer.seed.draw());
    pick(candidates).or_else(|| candidates.leave_device().then(|| pick(candidates)).flatten())
}

async fn deliver<P, S, T>(inner: S, layer: BalanceLayer<P>, mut candidates: Candidates) -> Result<T, Error>
where
    P: Policy,
    S: Service<Attempt, Response = T, Error: Into<BoxError>> + Clone,
{
    let mut last = None;
    for attempt in 1..=layer.attempts {
        let Some(picked) = next(&layer, &mut candidates) else { break };
        let endpoint = candidates.get(picked).clone();
        candidates.tried.push(candidates.range.start + picked);
        let address = endpoint.address;
        match inner.clone().oneshot(Attempt { endpoint, now: candidates.now }).await {
            Ok(done) => return Ok(done),
            Err(error) => last = Some((attempt, address, error.into())),
        }
    }
    let Some((attempts, address, source)) = last else { return Err(candidates.refusal().into()) };
    let (service, port) = (candidates.request.service.clone(), candidates.request.port);
    Err(Error::Unreachable { service, port, attempts, address, source })
}
