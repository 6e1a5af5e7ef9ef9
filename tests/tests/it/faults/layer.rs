//! Between a client and the API: what a server, and the way to it, can do to a request.
use std::{
    convert::Infallible,
    io,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use dayu_cluster::Cluster;
use dayu_core::connect::Considerate;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream, stream::BoxStream};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use kube::{
    Client,
    client::{Body, ClientBuilder},
};
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tower::{BoxError, Service};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Refused with this code and reason, and no word on what is missing.
    Refused(u16, &'static str),
    /// What stands before the server cannot reach it, and says so in its own language.
    Gateway,
    /// Too many requests, or none at the moment, by this code: leave me alone for so many seconds.
    Busy(u16, u64),
    /// The answer breaks off in the middle.
    Truncated,
    /// The answer ends in the middle, as if that were all.
    CutShort,
    /// The answer comes in pieces, long apart.
    Slow,
    /// Nothing ever comes.
    Silent,
    /// Nobody listens.
    Unreachable,
}

impl Fault {
    /// What people need to be told of it: what the server said, or why it did not.
    pub(super) fn words(self) -> String {
        match self {
            Self::Refused(_, reason) => said(reason),
            Self::Gateway => said(GATEWAY),
            Self::Busy(code, seconds) => said(&busy(code, seconds)),
            Self::Truncated => "connection reset".to_owned(),
            Self::CutShort => "EOF".to_owned(),
            Self::Slow | Self::Silent => "has not said a word".to_owned(),
            Self::Unreachable => "connection refused".to_owned(),
        }
    }
}

/// That of a server that is busy for so many seconds.
fn busy(code: u16, seconds: u64) -> String {
    format!("{code} for {seconds} s")
}

/// What its page is called.
const GATEWAY: &str = "502 Bad Gateway";

/// What the server says, unlike anything that it says of another fault.
fn said(reason: &str) -> String {
    format!("so it is: {reason}")
}

pub(super) const ALL: [Fault; 17] = [
    Fault::Refused(401, "Unauthorized"),
    Fault::Refused(403, "Forbidden"),
    Fault::Refused(404, "NotFound"),
    Fault::Refused(409, "Conflict"),
    Fault::Refused(410, "Expired"),
    Fault::Refused(422, "Invalid"),
    Fault::Refused(500, "InternalError"),
    Fault::Refused(503, "ServiceUnavailable"),
    Fault::Gateway,
    Fault::Busy(429, 7),
    Fault::Busy(503, 7),
    Fault::Busy(429, 45),
    Fault::Truncated,
    Fault::CutShort,
    Fault::Slow,
    Fault::Silent,
    Fault::Unreachable,
];

/// Into so many pieces a slow answer is cut, and so long passes between two.
const PIECES: usize = 5;
const PIECE: Duration = Duration::from_secs(3);

/// Which requests a fault is for.
pub(super) type Which = fn(&Method, &str) -> bool;

/// What is done to requests, and what was asked. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Faults(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    fault: Option<(Which, Fault)>,
    asked: Vec<Asked>,
    /// Ends the answers that are under way when a fault begins.
    flowing: CancellationToken,
}

/// A request that was made.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) at: Instant,
    pub(super) what: String,
    /// Whether it met the fault.
    pub(super) met: bool,
}

impl Asked {
    /// Method and path, without what else was said.
    pub(super) fn request(&self) -> &str {
        self.what.split('?').next().unwrap_or_default()
    }

    pub(super) fn is_of_a_lease(&self) -> bool {
        self.what.contains("/leases")
    }
}

impl Faults {
    /// A client of `cluster` as the daemons have one, with the faults on its way.
    pub(super) fn client(&self, cluster: &Cluster) -> Client {
        let way = Way { api: cluster.service(), faults: self.clone() };
        ClientBuilder::new(way, "default").with_layer(&Considerate).build()
    }

    /// From now on; watches that are open end, so that they meet it as well.
    pub(super) fn begin(&self, which: Which, fault: Fault) {
        let mut state = self.0.lock();
        state.fault = Some((which, fault));
        state.asked.clear();
        std::mem::take(&mut state.flowing).cancel();
    }

    /// No more faults; what was asked meanwhile.
    pub(super) fn end(&self) -> Vec<Asked> {
        let mut state = self.0.lock();
        state.fault = None;
        std::mem::take(&mut state.asked)
    }

    fn meet(&self, request: &Request<Body>) -> (Option<Fault>, CancellationToken) {
        let mut state = self.0.lock();
        let (method, path) = (request.method(), request.uri().path());
        let fault = state.fault.filter(|(which, _)| which(method, path)).map(|(_, fault)| fault);
        let asked = Asked { at: Instant::now(), what: format!("{method} {}", request.uri()), met: fault.is_some() };
        state.asked.push(asked);
        (fault, state.flowing.clone())
    }
}

/// The way to the API.
struct Way<S> {
    api: S,
    faults: Faults,
}

impl<S, B> Service<Request<Body>> for Way<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible, Future: Send + 'static>,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<StreamBody<BoxStream<'static, Result<http_body::Frame<Bytes>, BoxError>>>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.api.poll_ready(cx).map_err(|never| match never {})
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (fault, flowing) = self.faults.meet(&request);
        // What never arrives has no effect.
        let answer = match fault {
            None | Some(Fault::Truncated | Fault::CutShort | Fault::Slow) => Some(self.api.call(request)),
            Some(_) => None,
        };
        async move {
            let whole = match answer {
                Some(answer) => answer.await.unwrap_or_else(|never| match never {}).map(pieces),
                None => without_api(fault).await?.map(|text| stream::iter([Ok(text)]).boxed()),
            };
            let flow = |body: BoxStream<'static, _>| match fault {
                Some(Fault::Truncated) => body.take(1).flat_map(broken_off).boxed(),
                Some(Fault::CutShort) => body.take(1).map(half).boxed(),
                Some(Fault::Slow) => body.flat_map(slowly).boxed(),
                _ => body,
            };
            let flow = |body| flow(body).take_until(flowing.cancelled_owned());
            Ok(whole.map(|body| StreamBody::new(flow(body).map(|piece| piece.map(http_body::Frame::data)).boxed())))
        }
        .boxed()
    }
}

type Piece = Result<Bytes, BoxError>;

fn pieces<B>(body: B) -> BoxStream<'static, Piece>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    body.map_err(Into::into).into_data_stream().boxed()
}

async fn without_api(fault: Option<Fault>) -> Result<Response<Bytes>, BoxError> {
    let answer = Response::builder();
    let answer = match fault {
        Some(Fault::Refused(code, reason)) => answer.status(code).body(status(code, reason, &said(reason))),
        Some(Fault::Busy(code, seconds)) => {
            let reason = if code == 429 { "TooManyRequests" } else { "ServiceUnavailable" };
            let quiet = answer.status(code).header(header::RETRY_AFTER, seconds);
            quiet.body(status(code, reason, &said(&busy(code, seconds))))
        }
        Some(Fault::Gateway) => {
            let page = format!("<html><head><title>{}</title></head></html>", said(GATEWAY));
            answer.status(StatusCode::BAD_GATEWAY).header(header::CONTENT_TYPE, "text/html").body(page.into())
        }
        Some(Fault::Unreachable) => return Err(io::Error::from(io::ErrorKind::ConnectionRefused).into()),
        _ => return std::future::pending().await,
    };
    Ok(answer?)
}

/// A refusal in the API's own words.
fn status(code: u16, reason: &str, message: &str) -> Bytes {
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code,
    });
    status.to_string().into()
}

fn half(piece: Piece) -> Piece {
    piece.map(|whole| whole.slice(..whole.len() / 2))
}

/// The first half, and then the connection is gone.
fn broken_off(piece: Piece) -> BoxStream<'static, Piece> {
    stream::iter([half(piece), Err(io::Error::from(io::ErrorKind::ConnectionReset).into())]).boxed()
}

fn slowly(piece: Piece) -> BoxStream<'static, Piece> {
    let Ok(whole) = piece else { return stream::iter([piece]).boxed() };
    let length = whole.len().div_ceil(PIECES).max(1);
    let parts: Vec<Bytes> =
        (0..whole.len()).step_by(length).map(|at| whole.slice(at..whole.len().min(at + length))).collect();
    stream::iter(parts).then(|part| sleep(PIECE).map(|()| Ok(part))).boxed()
}
