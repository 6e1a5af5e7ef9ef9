//! The link over a WebSocket, whoever dialled it and over whatever stream: each frame is a text, a refusal a close frame.
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{CodecError, Frame, LARGEST_FRAME, Transport, TransportError};

/// Bytes that are read from a socket at once: messages are small, and one who has thousands of devices has as many of these.
const READ_AT_ONCE: usize = 4 * 1024;
/// Bytes that a close frame has room for beside its code.
const LONGEST_REASON: usize = 123;

/// A WebSocket after its handshake.
///
/// ```
/// use std::time::Duration;
///
/// use dayu_core::link::{Frame, Transport, WebSocket};
/// use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dayu_core::link::TransportError> {
/// let (near, far) = tokio::io::duplex(1024);
/// let device = WebSocketStream::from_raw_socket(near, Role::Client, Some(WebSocket::config())).await;
/// let manager = WebSocketStream::from_raw_socket(far, Role::Server, Some(WebSocket::config())).await;
/// let patience = Duration::from_secs(5);
/// let mut device = WebSocket::new(device, "the global manager", patience);
/// let mut manager = WebSocket::new(manager, "device edge1", patience);
/// device.send(Frame { session: 7, ..Frame::default() }).await?;
/// assert_eq!(manager.receive().await?.map(|frame| frame.session), Some(7));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct WebSocket<S> {
    stream: WebSocketStream<S>,
    peer: String,
    patience: Duration,
}

impl WebSocket<()> {
    /// What the handshake has to be made with.
    #[must_use]
    pub fn config() -> WebSocketConfig {
        WebSocketConfig::default()
            .max_message_size(Some(LARGEST_FRAME))
            .max_frame_size(Some(LARGEST_FRAME))
            .read_buffer_size(READ_AT_ONCE)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Over `stream` to `peer`, as people call it, who has so much time to take what is written.
    pub fn new(stream: WebSocketStream<S>, peer: impl Into<String>, patience: Duration) -> Self {
        Self { stream, peer: peer.into(), patience }
    }

    /// Ends the connection and tells the peer, whose operator reads it there, `why` it is not let in: as much of it as there is
    /// room for, in ASCII.
    pub async fn refuse(mut self, why: &str) {
        let reason: String = why.chars().filter(char::is_ascii).take(LONGEST_REASON).collect();
        let reason = CloseFrame { code: CloseCode::Policy, reason: reason.into() };
        // Whoever is gone already needs no reason.
        let _ = self.put(Message::Close(Some(reason))).await;
    }

    async fn put(&mut self, message: Message) -> Result<(), TransportError> {
        match timeout(self.patience, self.stream.send(message)).await {
            Ok(sent) => sent.map_err(|error| self.closed(error)),
            Err(_) => Err(self.closed(format!("nothing is taken for {} s", self.patience.as_secs()))),
        }
    }

    fn closed(&self, problem: impl ToString) -> TransportError {
        TransportError::Closed { peer: self.peer.clone(), problem: problem.to_string() }
    }

    fn garbled(&self, error: &CodecError) -> TransportError {
        TransportError::Garbled { peer: self.peer.clone(), problem: error.to_string() }
    }
}

#[async_trait]
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Transport for WebSocket<S> {
    async fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        let text = frame.encode().map_err(|error| self.garbled(&error))?;
        self.put(Message::text(text)).await
    }

    async fn receive(&mut self) -> Result<Option<Frame>, TransportError> {
        match self.stream.next().await {
            Some(Ok(Message::Text(text))) => Frame::decode(&text).map(Some).map_err(|error| self.garbled(&error)),
            Some(Ok(Message::Close(Some(CloseFrame { code: CloseCode::Policy, reason })))) => {
                Err(TransportError::Refused { peer: self.peer.clone(), why: reason.to_string() })
            }
            Some(Ok(Message::Close(_))) | None => Err(self.closed("it was closed there")),
            Some(Ok(_)) => Ok(None),
            Some(Err(error)) => Err(self.closed(error)),
        }
    }

    async fn ping(&mut self) -> Result<(), TransportError> {
        self.put(Message::Ping(Bytes::new())).await
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;
    use crate::link::{Message as Said, Operation};

    const PATIENCE: Duration = Duration::from_secs(5);

    /// A device, and the socket at whose other end it is.
    async fn device() -> (WebSocket<DuplexStream>, WebSocketStream<DuplexStream>) {
        let (near, far) = duplex(4096);
        let device = WebSocketStream::from_raw_socket(near, Role::Client, Some(WebSocket::config())).await;
        let manager = WebSocketStream::from_raw_socket(far, Role::Server, Some(WebSocket::config())).await;
        (WebSocket::new(device, "the global manager", PATIENCE), manager)
    }

    async fn linked() -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
        let (device, manager) = device().await;
        (device, WebSocket::new(manager, "device edge1", PATIENCE))
    }

    fn saying(content: Vec<u8>) -> Frame {
        let message = Said::new("ns", "runtimeservice", "a", Operation::Status, content);
        Frame { session: 7, seq: 1, message: Some(message), ..Frame::default() }
    }

    #[tokio::test]
    async fn frames_and_signs_of_life_go_both_ways() {
        let (mut device, mut manager) = linked().await;
        device.send(saying(b"{}".to_vec())).await.unwrap();
        assert_eq!(manager.receive().await, Ok(Some(saying(b"{}".to_vec()))));
        manager.ping().await.unwrap();
        assert_eq!(device.receive().await, Ok(None), "it is asked");
        manager.send(Frame::default()).await.unwrap();
        assert_eq!(device.receive().await, Ok(Some(Frame::default())));
        assert_eq!(manager.receive().await, Ok(None), "it answers by itself");
    }

    #[tokio::test]
    async fn how_it_ended_is_told() {
        let (mut device, manager) = linked().await;
        manager.refuse(&format!("no key of “edge1” is published: {}", "x".repeat(200))).await;
        let refused = device.receive().await.unwrap_err().to_string();
        assert!(refused.starts_with("the global manager does not let this device in: no key of edge1 is"), "{refused}");

        let (mut device, mut manager) = self::device().await;
        manager.close(None).await.unwrap();
        let closed = device.receive().await.unwrap_err().to_string();
        assert_eq!(closed, "the connection to the global manager ended: it was closed there");

        let (mut device, manager) = self::device().await;
        drop(manager);
        assert!(matches!(device.receive().await, Err(TransportError::Closed { .. })), "without a goodbye");
    }

    #[tokio::test]
    async fn what_is_no_frame_is_told_in_both_directions() {
        let (mut device, mut manager) = device().await;
        manager.send(Message::text("{")).await.unwrap();
        assert!(matches!(device.receive().await, Err(TransportError::Garbled { .. })));
        let too_large = device.send(saying(vec![0; LARGEST_FRAME])).await.unwrap_err();
        assert!(matches!(too_large, TransportError::Garbled { .. }), "{too_large}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_waited_for_with_patience() {
        let (mut device, _manager) = device().await;
        let begin = tokio::time::Instant::now();
        let stuck = device.send(saying(vec![0; 8192])).await.unwrap_err();
        assert_eq!(stuck.to_string(), "the connection to the global manager ended: nothing is taken for 5 s");
        assert_eq!(begin.elapsed(), PATIENCE);
    }
}
