//! How a client treats an API server that is busy, or silent.
use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use http::{Request, Response, StatusCode, header::RETRY_AFTER};
use kube::client::Body;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until, timeout};
use tower::{BoxError, Layer, Service, ServiceExt};

use super::spoken::{Manner, SILENCE, Silent, Spoken};

/// Longest time for which a server is left alone, whatever it asks for.
const QUIET: Duration = Duration::from_secs(60);
/// So many times a request that the server was too busy for is sent again before the answer counts.
const AGAIN: usize = 4;
/// And within so long: whoever asked has to learn, and to tell, that the server is busy.
const WITHIN: Duration = Duration::from_secs(30);
/// Within so long those go on who waited for the same moment.
const TURN: Duration = Duration::from_millis(10);
/// Where the API has Leases.
const LEASES: &str = "/apis/coordination.k8s.io/";

/// A layer between a client and an API server: while the server asks for quiet (429 or 503 with `Retry-After`) nothing is
/// sent, what it was too busy for is sent again afterwards if that is within 30 s, and no request waits for ever for a server
/// that says nothing.
/// A watch that ends as soon as it began has failed ([`CutShort`](super::CutShort)).
///
/// Leases are a thing of their own: whoever has to say that it is there does not wait for what was asked beside it.
///
/// [`client`](super::client) has it. Put it under a client that you make yourself; failures that say nothing of quiet are passed
/// on as they are, since whoever asked knows best when to ask again.
///
/// ```
/// # use dayu_core::connect::Considerate;
/// # fn client<S>(transport: S) -> kube::Client
/// # where S: tower::Service<http::Request<kube::client::Body>, Response = http::Response<kube::client::Body>> + Send + 'static,
/// #       S::Future: Send, S::Error: Into<tower::BoxError> {
/// kube::client::ClientBuilder::new(transport, "default").with_layer(&Considerate).build()
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Considerate;

/// What [`Considerate`] makes of a transport. Clones share the quiet.
#[derive(Debug)]
pub struct Consideration<S> {
    transport: Arc<tokio::sync::Mutex<S>>,
    leases: Arc<Mutex<Option<Quiet>>>,
    others: Arc<Mutex<Option<Quiet>>>,
}

/// What the server asked for.
#[derive(Clone, Copy, Debug)]
struct Quiet {
    since: Instant,
    until: Instant,
}

impl<S> Layer<S> for Considerate {
    type Service = Consideration<S>;

    fn layer(&self, transport: S) -> Consideration<S> {
        let transport = Arc::new(tokio::sync::Mutex::new(transport));
        Consideration { transport, leases: Arc::default(), others: Arc::default() }
    }
}

impl<S> Clone for Consideration<S> {
    fn clone(&self) -> Self {
        let Self { transport, leases, others } = self;
        Self { transport: transport.clone(), leases: leases.clone(), others: others.clone() }
    }
}

impl<S, B> Service<Request<Body>> for Consideration<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Send + 'static,
{
    type Response = Response<Spoken<B>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.clone().converse(request).boxed()
    }
}

impl<S> Consideration<S> {
    async fn converse<B>(self, mut request: Request<Body>) -> Result<Response<Spoken<B>>, BoxError>
    where
        S: Service<Request<Body>, Response = Response<B>>,
        S::Error: Into<BoxError>,
    {
        let manner = Manner::of(request.uri());
        let quiet = if request.uri().path().starts_with(LEASES) { self.leases.clone() } else { self.others.clone() };
        let (began, mut left) = (Instant::now(), AGAIN);
        loop {
            until_over(&quiet).await;
            let again = copy(&request);
            let response = timeout(SILENCE, self.send(request)).await.map_err(|_| Silent)??;
            let wait = asks_for_quiet(&response);
            if let Some(wait) = wait {
                hush(&quiet, wait);
            }
            let is_worth_it = wait.is_some_and(|wait| left > 0 && began.elapsed() + wait <= WITHIN);
            match again.filter(|_| is_worth_it) {
                Some(next) => (request, left) = (next, left - 1),
                None => {
                    // A refusal is an answer like any other.
                    let manner = if response.status().is_success() { manner } else { Manner::Speaks };
                    return Ok(response.map(|body| Spoken::new(body, manner)));
                }
            }
        }
    }

    /// The transport is held only until it has taken the request.
    async fn send<B>(&self, request: Request<Body>) -> Result<Response<B>, BoxError>
    where
        S: Service<Request<Body>, Response = Response<B>>,
        S::Error: Into<BoxError>,
    {
        let answer = self.transport.lock().await.ready().await.map_err(Into::into)?.call(request);
        answer.await.map_err(Into::into)
    }
}

async fn until_over(quiet: &Mutex<Option<Quiet>>) {
    let latest = || *quiet.lock();
    let mut waited = None;
    while let Some(Quiet { since, until }) = latest().filter(|quiet| Instant::now() < quiet.until) {
        // Of those who waited for the same moment each has its turn then, whatever the first of them has just been told. Else they
        // may be told to wait for longer.
        if waited.is_some_and(|waited| since >= waited) && since.elapsed() < TURN {
            return;
        }
        sleep_until(until).await;
        waited = Some(until);
    }
}

fn hush(quiet: &Mutex<Option<Quiet>>, wait: Duration) {
    let since = Instant::now();
    let until = since + wait.min(QUIET);
    let mut quiet = quiet.lock();
    if quiet.is_none_or(|quiet| quiet.until < until) {
        *quiet = Some(Quiet { since, until });
    }
}

/// None of a request whose body is a stream.
fn copy(request: &Request<Body>) -> Option<Request<Body>> {
    let mut copy = Request::new(request.body().try_clone()?);
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    copy.headers_mut().clone_from(request.headers());
    copy.extensions_mut().clone_from(request.extensions());
    Some(copy)
}

fn asks_for_quiet<B>(response: &Response<B>) -> Option<Duration> {
    let is_busy = matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let seconds = response.headers().get(RETRY_AFTER).filter(|_| is_busy)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
