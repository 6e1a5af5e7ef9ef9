//! A request over a connection that may end at any moment.
use std::{future::poll_fn, pin::pin, task::Poll};

use http::{Request, Response};
use http_body::Body;
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1::SendRequest},
};

/// The answer, and what sends the next request unless the connection has ended.
///
/// A request that is handed over as the connection ends lies in between, neither sent nor given back, for as long as there is a sender.
/// So the sender goes once the connection has.
pub(super) async fn answer<B: Body + 'static>(
    mut sender: SendRequest<B>,
    request: Request<B>,
) -> Result<(Response<Incoming>, Option<SendRequest<B>>), TrySendError<Request<B>>> {
    let mut answer = pin!(sender.try_send_request(request));
    let answered = poll_fn(|cx| match answer.as_mut().poll(cx) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => match sender.poll_ready(cx) {
            Poll::Ready(Err(_closed)) => Poll::Ready(None),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
        },
    });
    match answered.await {
        Some(answer) => Ok((answer?, Some(sender))),
        None => {
            drop(sender);
            Ok((answer.await?, None))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http_body_util::Full;
    use hyper::client::conn::http1;
    use hyper_util::rt::TokioIo;
    use tokio::{
        net::{TcpListener, TcpStream},
        time::timeout,
    };

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_connection_that_ends_as_a_request_is_handed_over_keeps_nobody_waiting() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ending = tokio::spawn(async move {
            while let Ok((taken, _)) = listener.accept().await {
                drop(taken);
            }
        });
        for number in 0..3_000 {
            let Ok(stream) = TcpStream::connect(address).await else { continue };
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            let request = Request::new(Full::<Bytes>::default());
            let told = timeout(Duration::from_secs(20), answer(sender, request)).await;
            assert!(told.unwrap_or_else(|_| panic!("request {number} was lost")).is_err());
        }
        ending.abort();
    }
}
