//! The body of a request on its way to an endpoint, and when the last of it left.
//!
//! A client on a thin line takes long to send a frame, and a large frame takes longer than a small one: neither is the
//! endpoint's doing. What it takes begins when it has everything.
//!
//! What an endpoint leaves of it is still read: a client whose sending comes to a stop often never looks at the answer.
use std::{
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};

use crate::{
    relay::{Moved, Witness},
    stats::Visit,
};

/// What is still read of a body that nobody wants, so that the client reads its answer and not a reset.
const DRAINED: usize = 8 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// A client's body as it comes.
#[derive(Debug)]
pub(crate) struct Upload {
    /// Here until it is dropped.
    body: Option<Incoming>,
    sent: Sent,
}

/// How far a request has got on its way.
#[derive(Clone, Debug)]
pub(crate) struct Sent(Arc<Mutex<Progress>>);

#[derive(Debug)]
struct Progress {
    newest: Instant,
    whole: bool,
    /// Bytes that have left for an endpoint that has not answered yet.
    unclaimed: u64,
    visit: Option<Visit>,
}

impl Upload {
    pub(crate) fn new(body: Incoming) -> (Self, Sent) {
        let progress = Progress { newest: Instant::now(), whole: body.is_end_stream(), unclaimed: 0, visit: None };
        let sent = Sent(Arc::new(Mutex::new(progress)));
        (Self { body: Some(body), sent: sent.clone() }, sent)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.body.take().into_iter().for_each(drain);
    }
}

/// Reads what is left of `body` beside the answer, within bounds.
pub(crate) fn drain(body: Incoming) {
    if let (false, Ok(runtime)) = (body.is_end_stream(), Handle::try_current()) {
        runtime.spawn(timeout(DRAIN_TIME, Limited::new(body, DRAINED).collect()));
    }
}

impl Sent {
    /// Something leaves now.
    pub(crate) fn note(&self) {
        self.0.lock().newest = Instant::now();
    }

    /// It went, and goes, to an endpoint that answers now: how long ago its newest part left.
    pub(crate) fn belongs_to(&self, visit: Visit) -> Duration {
        let mut progress = self.0.lock();
        visit.moved(Moved { up: mem::take(&mut progress.unclaimed), down: 0 });
        progress.visit = Some(visit);
        progress.newest.elapsed()
    }

    /// Whether the client has sent all of it.
    pub(crate) fn is_whole(&self) -> bool {
        self.0.lock().whole
    }
}

impl Progress {
    fn passed(&mut self, bytes: u64, whole: bool) {
        (self.newest, self.whole) = (Instant::now(), whole);
        match &self.visit {
            Some(visit) => visit.moved(Moved { up: bytes, down: 0 }),
            None => self.unclaimed += bytes,
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(&mut *body).poll_frame(context);
        if let Poll::Ready(frame) = &polled {
            let whole = frame.is_none() || body.is_end_stream();
            let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
            self.sent.0.lock().passed(data.map_or(0, |data| data.len() as u64), whole);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}
