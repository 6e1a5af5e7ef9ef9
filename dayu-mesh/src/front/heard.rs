//! A connection to an endpoint, of which all is read that the endpoint said, whatever became of what was written to it.
//!
//! An endpoint may answer before it has the whole request, and close: a frame is too large, a token is wrong. What is then
//! still written comes back as an error, often before the answer was looked at, which lies there to be read.
use std::{
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

#[derive(Debug)]
pub(super) struct Heard {
    stream: TcpStream,
    /// How writing failed, once it has. What is written from then on is lost; what is read must show in the end that it was.
    deaf: Option<ErrorKind>,
}

impl Heard {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, deaf: None }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    fn write(
        &mut self,
        length: usize,
        write: impl FnOnce(Pin<&mut TcpStream>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if self.deaf.is_some() {
            return Poll::Ready(Ok(length));
        }
        Poll::Ready(match ready!(write(Pin::new(&mut self.stream))) {
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                self.deaf = Some(error.kind());
                Ok(length)
            }
            written => written,
        })
    }
}

impl AsyncRead for Heard {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let ended = buffer.filled().len() == before;
        // The failed write took the error with it: without it a broken answer would look as if it had ended well.
        Poll::Ready(self.deaf.filter(|_| ended).map_or(Ok(()), |kind| Err(kind.into())))
    }
}

impl AsyncWrite for Heard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(bytes.len(), |stream| stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum();
        self.write(length, |stream| stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// An endpoint that says `said` and closes with a reset, as it leaves unread what came.
    async fn reset_after(said: &'static [u8]) -> Heard {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        stream.write_all(b"half of it").await.unwrap();
        let (mut endpoint, _) = listener.accept().await.unwrap();
        endpoint.readable().await.unwrap();
        endpoint.write_all(said).await.unwrap();
        drop(endpoint);
        Heard::new(stream)
    }

    #[tokio::test]
    async fn what_was_said_before_the_reset_is_read_and_then_the_reset() {
        let mut heard = reset_after(b"too large").await;
        for _ in 0..3 {
            heard.write_all(&[7; 1024]).await.unwrap();
        }
        let mut said = Vec::new();
        let ended = heard.read_to_end(&mut said).await;
        assert_eq!((said.as_slice(), ended.unwrap_err().kind()), (&b"too large"[..], ErrorKind::ConnectionReset));
    }
}
