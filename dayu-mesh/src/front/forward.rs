//! One request to one endpoint and its answer back, both streamed.
use std::{sync::Arc, time::Duration};

use dayu_core::{balance, directory::Endpoint};
use http::{HeaderValue, Request, Response, StatusCode, Uri, Version, header, response};
use http_body::Body;
use http_body_util::Full;
use hyper::{body::Incoming, client::conn::TrySendError, upgrade::OnUpgrade};
use tokio::time::timeout;
use tower::ServiceExt;

use super::{
    Answered, Front,
    body::{Answer, Lease, Relayed},
    exchange, headers,
    pool::Sender,
    refusal::Refusal,
    tunnel,
    upload::Upload,
};
use crate::{dial::Reached, verdict::Talk};

/// Connections that turn out to be closed before anything was sent, until the request is given up.
const CLOSED: usize = 3;
/// Longest wait for the head of an answer: workers may compute for long, but not for ever.
const FIRST_BYTE: Duration = Duration::from_secs(300);

/// Sends `request` to an endpoint that `ask` allows.
pub(super) async fn forward(
    front: &Front,
    mut request: Request<Incoming>,
    ask: balance::Request,
) -> Result<Answered, Refusal> {
    let protocol = headers::protocol(request.headers());
    let client = protocol.is_some().then(|| hyper::upgrade::on(&mut request));
    let (head, body) = outgoing(request, protocol).into_parts();
    let (upload, sent) = Upload::new(body);
    let mut request = Request::from_parts(head, upload);
    let mut closed = 0;
    loop {
        let (Reached { sender, reused }, reached) = front.requests.clone().oneshot(ask.clone()).await?.split();
        let endpoint = reached.endpoint().address;
        sent.note();
        match timeout(FIRST_BYTE, exchange::answer(sender, request)).await {
            Ok(Ok((response, sender))) => {
                let visit = front.stats.landed(&ask.service, reached.endpoint());
                let latency = sent.belongs_to(visit.clone());
                let talk = Talk { reached, visit: Some(visit) };
                talk.answered(latency, Some(response.status()));
                return match (response.status(), client) {
                    (StatusCode::SWITCHING_PROTOCOLS, Some(client)) => Ok(switched(front, response, client, talk)),
                    _ => Ok(incoming(front, response, talk, sender)),
                };
            }
            Ok(Err(mut error)) => match unsent(&mut error, closed) {
                Some(again) => {
                    // One that was idle may be closed as its endpoint likes; a new one tells of an endpoint that ends.
                    if !reused {
                        reached.failed();
                    }
                    (request, closed) = (again, closed + 1);
                }
                None if error.error().is_user() => return Err(Refusal::Cut),
                None => {
                    reached.failed();
                    return Err(Refusal::Broken { endpoint, problem: error.into_error().to_string() });
                }
            },
            Err(_) if !sent.is_whole() => return Err(Refusal::Slow { seconds: FIRST_BYTE.as_secs() }),
            Err(_) => {
                reached.failed();
                return Err(Refusal::Late { endpoint, seconds: FIRST_BYTE.as_secs() });
            }
        }
    }
}

/// The request, if not one byte of it has left: then, and only then, it may be sent once more.
fn unsent<B>(error: &mut TrySendError<Request<B>>, closed: usize) -> Option<Request<B>> {
    error.take_message().filter(|_| closed < CLOSED)
}

/// The request as the endpoint gets it: origin-form, `Host` as it was meant, without this hop's headers.
fn outgoing(mut request: Request<Incoming>, protocol: Option<HeaderValue>) -> Request<Incoming> {
    let authority = request.uri().authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    headers::strip(request.headers_mut());
    protocol.into_iter().for_each(|protocol| headers::switch_to(request.headers_mut(), protocol));
    if let Some(authority) = authority {
        request.headers_mut().insert(header::HOST, authority);
    }
    // Without a length the body has to be announced, or a GET would lose it.
    if !request.body().is_end_stream() && request.body().size_hint().exact().is_none() {
        request.headers_mut().insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    let path = request.uri().path_and_query().map_or_else(|| Uri::from_static("/"), |path| Uri::from(path.clone()));
    *request.uri_mut() = path;
    *request.version_mut() = Version::HTTP_11;
    request
}

fn incoming(front: &Front, response: Response<Incoming>, talk: Talk<()>, sender: Option<Sender>) -> Answered {
    let (mut head, body) = response.into_parts();
    let endpoint = talk.reached.endpoint();
    address(&mut head, endpoint);
    let endpoint = Arc::downgrade(&endpoint.load);
    let lease = sender.map(|sender| Lease { pool: front.pool.clone(), endpoint, sender });
    Response::from_parts(head, Answer::Relayed(Relayed::new(body, lease, talk)))
}

/// The answer after which both sides speak another protocol, over a tunnel.
fn switched(front: &Front, mut response: Response<Incoming>, client: OnUpgrade, talk: Talk<()>) -> Answered {
    let protocol = headers::protocol(response.headers());
    let server = hyper::upgrade::on(&mut response);
    let (mut head, _) = response.into_parts();
    address(&mut head, talk.reached.endpoint());
    protocol.into_iter().for_each(|protocol| headers::switch_to(&mut head.headers, protocol));
    tunnel::switched(front, client, server, talk);
    Response::from_parts(head, Answer::Text(Full::default()))
}

/// The head of an answer as the client gets it: without the endpoint's hop, and with who answers.
fn address(head: &mut response::Parts, endpoint: &Endpoint) {
    headers::strip(&mut head.headers);
    head.version = Version::HTTP_11;
    let pod = endpoint.pod.as_ref().map(|pod| pod.name.as_ref()).unwrap_or_default();
    if let Ok(value) = HeaderValue::from_str(&format!("{}/{pod}", endpoint.device)) {
        head.headers.insert(headers::ENDPOINT, value);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;
    use hyper::client::conn::http1;
    use hyper_util::rt::TokioIo;

    use super::*;

    #[tokio::test]
    async fn what_a_connection_never_began_with_is_sent_again_but_not_for_ever() {
        for (closed, again) in [(0, true), (CLOSED - 1, true), (CLOSED, false)] {
            let (io, endpoint) = tokio::io::duplex(64);
            let (mut sender, connection) = http1::handshake::<_, Full<Bytes>>(TokioIo::new(io)).await.unwrap();
            drop(endpoint);
            let _ = connection.await;
            let mut error = sender.try_send_request(Request::default()).await.unwrap_err();
            assert_eq!(unsent(&mut error, closed).is_some(), again, "after {closed}");
        }
    }
}
