//! The body of an answer: a text of the front's own, or the endpoint's bytes as they come.
use std::{
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use dayu_core::balance::Load;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;

use super::pool::{Pool, Sender};
use crate::relay::{Moved, Witness};

/// What is sent to the client.
pub(crate) enum Answer<G> {
    /// The front's own words.
    Text(Full<Bytes>),
    /// An endpoint's answer, never held up.
    Relayed(Relayed<G>),
}

/// An endpoint's answer, and what is given back when it is over.
pub(crate) struct Relayed<G> {
    body: Incoming,
    ended: bool,
    lease: Option<Lease>,
    /// Counts the request as in flight until the last byte, and what comes of it.
    guard: G,
}

/// The connection that an answer comes over.
pub(crate) struct Lease {
    pub(crate) pool: Arc<Pool>,
    pub(crate) endpoint: Weak<Load>,
    pub(crate) sender: Sender,
}

impl<G> Relayed<G> {
    pub(crate) fn new(body: Incoming, lease: Option<Lease>, guard: G) -> Self {
        Self { body, ended: false, lease, guard }
    }
}

impl<G> Drop for Relayed<G> {
    /// A connection whose answer was read to its end is kept; one whose answer was cut off is closed.
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take().filter(|_| self.ended || self.body.is_end_stream()) {
            lease.pool.give(lease.endpoint, lease.sender);
        }
    }
}

impl<G: Witness + Unpin> Body for Answer<G> {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Text(text) => Pin::new(text).poll_frame(cx).map_err(|never| match never {}),
            Self::Relayed(relayed) => {
                let frame = ready!(Pin::new(&mut relayed.body).poll_frame(cx));
                relayed.ended |= frame.is_none();
                if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
                    relayed.guard.moved(Moved { up: 0, down: data.len() as u64 });
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Text(text) => text.is_end_stream(),
            Self::Relayed(relayed) => relayed.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Text(text) => text.size_hint(),
            Self::Relayed(relayed) => relayed.body.size_hint(),
        }
    }
}
