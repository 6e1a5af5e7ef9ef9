//! What carries frames between two ends. The daemons' is a WebSocket (feature `websocket`); in tests, say, a channel will do.
use async_trait::async_trait;

use super::Frame;

/// Why a transport carries no more frames.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The peer or the network ended it.
    #[error("the connection to {peer} ended: {problem}")]
    Closed {
        /// Who the peer is.
        peer: String,
        /// What is known of why.
        problem: String,
    },
    /// The peer ended it since it does not take us for whom we say we are: another try alone helps nothing.
    #[error("{peer} does not let this device in: {why}")]
    Refused {
        /// Who the peer is.
        peer: String,
        /// What the peer said.
        why: String,
    },
    /// What came or was to go is no frame.
    #[error("between here and {peer} is what is no frame: {problem}")]
    Garbled {
        /// Who the peer is.
        peer: String,
        /// What the codec said.
        problem: String,
    },
}

/// One established connection to one peer, whose identity has been checked by whoever made it.
///
/// Not for you if you want to send messages: push them into a [`Session`](super::Session) and let its owner write.
///
/// ```
/// use dayu_core::link::{Frame, Transport, TransportError};
/// use tokio::sync::mpsc;
///
/// /// Two of these, crossed, are a link within one process.
/// struct Pipe {
///     out: mpsc::Sender<Option<Frame>>,
///     into: mpsc::Receiver<Option<Frame>>,
/// }
///
/// fn closed<T>(_: T) -> TransportError {
///     TransportError::Closed { peer: "the other end".into(), problem: "it is gone".into() }
/// }
///
/// #[async_trait::async_trait]
/// impl Transport for Pipe {
///     async fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
///         self.out.send(Some(frame)).await.map_err(closed)
///     }
///
///     async fn receive(&mut self) -> Result<Option<Frame>, TransportError> {
///         self.into.recv().await.ok_or(()).map_err(closed)
///     }
///
///     async fn ping(&mut self) -> Result<(), TransportError> {
///         self.out.send(None).await.map_err(closed)
///     }
/// }
/// ```
#[cfg_attr(feature = "test-util", mockall::automock)]
#[async_trait]
pub trait Transport: Send {
    /// Writes one frame; waits for a peer that takes nothing, but not for ever.
    ///
    /// # Errors
    /// [`TransportError::Closed`] when it certainly or possibly did not leave, [`TransportError::Garbled`] when it cannot.
    async fn send(&mut self, frame: Frame) -> Result<(), TransportError>;

    /// The next frame; `None` is a sign of life without content. Safe to cancel.
    ///
    /// # Errors
    /// See [`TransportError`]; none of them is worth a second call.
    async fn receive(&mut self) -> Result<Option<Frame>, TransportError>;

    /// Asks the peer for a sign of life; waits as [`send`](Self::send) does.
    ///
    /// # Errors
    /// [`TransportError::Closed`] when the question did not leave.
    async fn ping(&mut self) -> Result<(), TransportError>;
}
