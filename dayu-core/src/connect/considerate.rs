//! How a client treats an API server that is busy, or silent.
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use http::{Request, Response, StatusCode, Uri, header::RETRY_AFTER};
use http_body::{Body as HttpBody, Frame, SizeHint};
use kube::client::Body;
use parking_lot::Mutex;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};
use tower::{BoxError, Layer, Service, ServiceExt};

/// Longest wait for the next word of an answer. A watch may be silent for as long as nothing changes.
const SILENCE: Duration = Duration::from_secs(30);
/// Longest time for which a server is left alone, whatever it asks for.
const QUIET: Duration = Duration::from_secs(60);
/// So many times a request that the server was too busy for is sent again before the answer counts.
const AGAIN: usize = 4;
/// And within so long: whoever asked has to learn, and to tell, that the server is busy.
const WITHIN: Duration = Duration::from_secs(30);
/// Where the API has Leases.
const LEASES: &str = "/apis/coordination.k8s.io/";

/// A layer between a client and an API server: while the server asks for quiet (429 or 503 with `Retry-After`) nothing is
/// sent, what it was too busy for is sent again afterwards if that is within 30 s, and no request waits for ever for a server that says nothing.
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
    leases: Arc<Mutex<Option<Instant>>>,
    others: Arc<Mutex<Option<Instant>>>,
}

/// Nothing was heard for too long.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the API server has not said a word for {} s", SILENCE.as_secs())]
pub struct Silent;

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
        let may_be_silent = is_stream(request.uri());
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
                None => return Ok(response.map(|body| Spoken::new(body, may_be_silent))),
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

async fn until_over(quiet: &Mutex<Option<Instant>>) {
    let until = || *quiet.lock();
    // Somebody may be told to be quiet for longer meanwhile.
    while let Some(until) = until().filter(|until| Instant::now() < *until) {
        sleep_until(until).await;
    }
}

fn hush(quiet: &Mutex<Option<Instant>>, wait: Duration) {
    let until = Instant::now() + wait.min(QUIET);
    let mut quiet = quiet.lock();
    *quiet = (*quiet).max(Some(until));
}

/// Whether the answer goes on for as long as somebody listens.
fn is_stream(uri: &Uri) -> bool {
    uri.query().is_some_and(|query| query.split('&').any(|pair| matches!(pair, "watch=true" | "follow=true")))
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

pin_project! {
    /// The body of an answer, which ends with [`Silent`] when nothing more comes.
    #[derive(Debug)]
    pub struct Spoken<B> {
        #[pin]
        body: B,
        silence: Option<Pin<Box<Sleep>>>,
    }
}

impl<B> Spoken<B> {
    fn new(body: B, may_be_silent: bool) -> Self {
        Self { body, silence: (!may_be_silent).then(|| Box::pin(sleep(SILENCE))) }
    }
}

impl<B> HttpBody for Spoken<B>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        if let Poll::Ready(frame) = this.body.poll_frame(cx) {
            if let Some(silence) = this.silence {
                silence.as_mut().reset(Instant::now() + SILENCE);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let Some(silence) = this.silence else { return Poll::Pending };
        ready!(silence.as_mut().poll(cx));
        Poll::Ready(Some(Err(Silent.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
