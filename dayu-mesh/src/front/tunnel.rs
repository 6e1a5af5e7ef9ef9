//! Connections that carry bytes of whatever protocol once both sides have agreed to it: by CONNECT, or as a request and its
//! answer switch to another protocol.
use std::{io, time::Duration};

use dayu_core::balance::{self, Attempt};
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    upgrade::{OnUpgrade, Parts, Upgraded},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::ServiceExt;

use super::{Answered, Front, body::Answer, heard::Heard, line::Line, refusal::Refusal, target::At};
use crate::{
    relay::{Moved, Witness, relay_witnessed, write_all},
    verdict::Talk,
};

/// Connects to an endpoint that `ask` allows and answers; bytes flow once the client has the answer.
pub(super) async fn open(
    front: &Front,
    request: Request<Incoming>,
    ask: balance::Request,
) -> Result<Answered, Refusal> {
    let reached = front.tunnels.clone().oneshot(ask.clone()).await?;
    let visit = front.stats.landed(&ask.service, reached.endpoint());
    Ok(connected(front, request, Talk { reached, visit: Some(visit) }))
}

/// The same to an endpoint of this device that the mesh of another one has picked, and counts.
pub(super) async fn to(front: &Front, request: Request<Incoming>, at: At) -> Result<Answered, Refusal> {
    let At { endpoint, service, port } = at;
    let address = endpoint.address;
    let unreachable = |error: balance::DialError| balance::Error::Unreachable {
        service,
        port,
        attempts: 1,
        address,
        source: error.into(),
    };
    let reached =
        front.straight.clone().oneshot(Attempt { endpoint, now: Duration::ZERO }).await.map_err(unreachable)?;
    Ok(connected(front, request, Talk { reached, visit: None }))
}

/// Joins a request and its answer of which both sides switch to another protocol.
pub(super) fn switched(front: &Front, client: OnUpgrade, server: OnUpgrade, talk: Talk<()>) {
    let idle = front.idle;
    carry(front, async move {
        let (client, server) = futures::future::try_join(client, server).await.map_err(io::Error::other)?;
        let (client, server) = (parts::<Line>(client)?, parts::<Heard>(server)?);
        let (from, to) = (client.io.inner().stream(), server.io.inner().stream());
        write_all(to, &client.read_buf).await?;
        write_all(from, &server.read_buf).await?;
        talk.moved(Moved { up: client.read_buf.len() as u64, down: server.read_buf.len() as u64 });
        // How fast it answers is known: it has agreed to switch.
        relay_witnessed(from, to, idle, &talk.visit).await;
        Ok(())
    });
}

fn connected(front: &Front, request: Request<Incoming>, talk: Talk<TcpStream>) -> Answered {
    let idle = front.idle;
    carry(front, async move {
        let client = parts::<Line>(hyper::upgrade::on(request).await.map_err(io::Error::other)?)?;
        // What the client sent right behind its request was read with it.
        write_all(&talk.reached, &client.read_buf).await?;
        talk.moved(Moved { up: client.read_buf.len() as u64, down: 0 });
        relay_witnessed(client.io.inner().stream(), &talk.reached, idle, &talk).await;
        Ok(())
    });
    Response::new(Answer::Text(Full::default()))
}

/// Runs `copy` until the mesh ends. It fails when a peer is gone, which the other one learns by the close.
fn carry(front: &Front, copy: impl Future<Output = io::Result<()>> + Send + 'static) {
    let closed = front.closed.clone();
    front.carried.spawn(async move { closed.run_until_cancelled_owned(copy).await });
}

/// The connection below HTTP, and what was read of it already.
fn parts<T>(upgraded: Upgraded) -> io::Result<Parts<TokioIo<T>>>
where
    TokioIo<T>: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
{
    upgraded.downcast().map_err(|_| io::Error::other("not a connection of the front"))
}
