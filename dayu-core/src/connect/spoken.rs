//! The body of an answer: it may not be silent for too long, and a watch may not end too soon.
use std::{
    error,
    io::{self, ErrorKind},
    iter,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::Uri;
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};
use tower::BoxError;

/// Longest wait for the next word of an answer. A watch may be silent for as long as nothing changes.
pub(super) const SILENCE: Duration = Duration::from_secs(30);
/// A server ends a watch after minutes. What ends sooner than this, and is begun anew at once as ended watches are, would be begun
/// again and again.
const SOON: Duration = Duration::from_secs(5);

/// Nothing was heard for too long.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the API server has not said a word for {} s", SILENCE.as_secs())]
pub struct Silent;

/// A watch ended as soon as it began.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the watch ended after {} ms (EOF): the API server, or something on the way to it, cuts its answers short", .0.as_millis())]
pub struct CutShort(Duration);

/// What is expected of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// It says something until it ends.
    Speaks,
    /// It goes on for as long as somebody listens.
    Watches,
    /// It ends when there is no more, whenever that is.
    Follows,
}

impl Manner {
    pub(super) fn of(uri: &Uri) -> Self {
        let asks_for = |what| uri.query().is_some_and(|query| query.split('&').any(|pair| pair == what));
        match () {
            () if asks_for("watch=true") => Self::Watches,
            () if asks_for("follow=true") => Self::Follows,
            () => Self::Speaks,
        }
    }
}

#[derive(Debug)]
enum Bounds {
    Silence(Pin<Box<Sleep>>),
    Began(Instant),
    None,
}

pin_project! {
    /// The body of an answer, which ends with [`Silent`] when nothing more comes, and with [`CutShort`] when it is that of a watch
    /// and ends as soon as it began.
    #[derive(Debug)]
    pub struct Spoken<B> {
        #[pin]
        body: B,
        bounds: Bounds,
    }
}

impl<B> Spoken<B> {
    pub(super) fn new(body: B, manner: Manner) -> Self {
        let bounds = match manner {
            Manner::Speaks => Bounds::Silence(Box::pin(sleep(SILENCE))),
            Manner::Watches => Bounds::Began(Instant::now()),
            Manner::Follows => Bounds::None,
        };
        Self { body, bounds }
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
        let Poll::Ready(frame) = this.body.poll_frame(cx) else {
            let Bounds::Silence(silence) = this.bounds else { return Poll::Pending };
            ready!(silence.as_mut().poll(cx));
            return Poll::Ready(Some(Err(Silent.into())));
        };
        let frame = frame.map(|frame| frame.map_err(Into::into));
        match this.bounds {
            Bounds::Silence(silence) => silence.as_mut().reset(Instant::now() + SILENCE),
            Bounds::Began(began) if is_end(frame.as_ref()) => {
                let lasted = began.elapsed();
                *this.bounds = Bounds::None;
                if lasted < SOON {
                    return Poll::Ready(Some(Err(CutShort(lasted).into())));
                }
            }
            Bounds::Began(_) | Bounds::None => {}
        }
        Poll::Ready(frame)
    }

    /// That of a watch is told by what is polled.
    fn is_end_stream(&self) -> bool {
        !matches!(self.bounds, Bounds::Began(_)) && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whether that is how a stream ends, which a client of watches takes no other failure for.
fn is_end(frame: Option<&Result<Frame<Bytes>, BoxError>>) -> bool {
    let broke_off = |error: &BoxError| {
        let causes = iter::successors(Some(&**error as &(dyn error::Error + 'static)), |cause| cause.source());
        causes
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .any(|cause| cause.kind() == ErrorKind::UnexpectedEof)
    };
    frame.is_none_or(|frame| frame.as_ref().is_err_and(broke_off))
}

#[cfg(test)]
mod tests {
    use std::vec;

    use futures::future::poll_fn;

    use super::*;

    struct Pieces(vec::IntoIter<io::Result<Bytes>>);

    impl HttpBody for Pieces {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            Poll::Ready(self.0.next().map(|piece| piece.map(Frame::data)))
        }
    }

    /// How an answer of these pieces fails, read when so much time has passed.
    async fn failure(manner: Manner, pieces: Vec<io::Result<Bytes>>, after: Duration) -> Option<String> {
        let mut body = Spoken::new(Pieces(pieces.into_iter()), manner);
        tokio::time::advance(after).await;
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            if let Err(error) = frame {
                return Some(error.to_string());
            }
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_ends_as_soon_as_it_began_has_failed() {
        let (at_once, later) = (Duration::ZERO, SOON);
        let said = || Ok(Bytes::from_static(b"{"));
        let broke = |kind: ErrorKind| Err(io::Error::new(kind, "broke"));
        let cut = |told: Option<String>| told.is_some_and(|told| told.contains("cuts its answers short"));
        assert!(cut(failure(Manner::Watches, vec![said()], at_once).await));
        assert!(cut(failure(Manner::Watches, vec![said(), broke(ErrorKind::UnexpectedEof)], at_once).await));
        assert_eq!(failure(Manner::Watches, vec![said()], later).await, None);
        let reset = failure(Manner::Watches, vec![said(), broke(ErrorKind::ConnectionReset)], at_once).await;
        assert_eq!(reset.as_deref(), Some("broke"), "told as what it is");
        for manner in [Manner::Speaks, Manner::Follows] {
            assert_eq!(failure(manner, vec![said()], at_once).await, None, "{manner:?}");
        }
    }

    #[test]
    fn what_is_asked_for_says_how_the_answer_goes() {
        let manner = |query: &str| Manner::of(&format!("/api/v1/pods?{query}").parse().unwrap());
        assert_eq!(manner("limit=5&watch=true"), Manner::Watches);
        assert_eq!(manner("follow=true"), Manner::Follows);
        assert_eq!(manner("limit=5"), Manner::Speaks);
    }
}
