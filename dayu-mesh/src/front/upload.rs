//! The body of a request on its way to an endpoint, and when the last of it left.
//!
//! A client on a thin line takes long to send a frame, and a large frame takes longer than a small one: neither is the
//! endpoint's doing. What it takes begins when it has everything.
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::time::Instant;

/// A client's body as it comes.
#[derive(Debug)]
pub(crate) struct Upload {
    body: Incoming,
    sent: Sent,
}

/// How far a request has got on its way.
#[derive(Clone, Debug)]
pub(crate) struct Sent(Arc<Mutex<Progress>>);

#[derive(Debug)]
struct Progress {
    newest: Instant,
    whole: bool,
}

impl Upload {
    pub(crate) fn new(body: Incoming) -> (Self, Sent) {
        let progress = Progress { newest: Instant::now(), whole: body.is_end_stream() };
        let sent = Sent(Arc::new(Mutex::new(progress)));
        (Self { body, sent: sent.clone() }, sent)
    }

    /// What the client still has to send.
    pub(crate) fn into_inner(self) -> Incoming {
        self.body
    }
}

impl Sent {
    /// Something leaves now.
    pub(crate) fn note(&self) {
        self.0.lock().newest = Instant::now();
    }

    /// How long ago the newest part left.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.lock().newest.elapsed()
    }

    /// Whether the client has sent all of it.
    pub(crate) fn is_whole(&self) -> bool {
        self.0.lock().whole
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(frame) = &polled {
            let whole = frame.is_none() || self.body.is_end_stream();
            *self.sent.0.lock() = Progress { newest: Instant::now(), whole };
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
