//! CONNECT: a request line, then bytes of whatever protocol.
use std::{io, time::Duration};

use dayu_core::balance::{self, Tracked};
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::ServiceExt;

use super::{Answered, Front, body::Answer, line::Line, refusal::Refusal};
use crate::{
    relay::{Opening, relay_timed, write_all},
    verdict,
};

/// Connects to an endpoint that `ask` allows and answers; bytes flow once the client has the answer.
pub(super) async fn open(
    front: &Front,
    request: Request<Incoming>,
    ask: balance::Request,
) -> Result<Answered, Refusal> {
    let server = front.tunnels.clone().oneshot(ask.clone()).await?;
    front.stats.landed(&ask.service, server.endpoint());
    let (closed, idle) = (front.closed.clone(), front.idle);
    front.carried.spawn(async move {
        let Some(upgraded) = closed.run_until_cancelled(hyper::upgrade::on(request)).await else { return };
        if let Ok(upgraded) = upgraded {
            // Fails when a peer is gone, which the other one learns by the close.
            let _ = closed.run_until_cancelled(copy(upgraded, server, idle)).await;
        }
    });
    Ok(Response::new(Answer::Text(Full::default())))
}

async fn copy(upgraded: Upgraded, server: Tracked<TcpStream>, idle: Duration) -> io::Result<()> {
    let parts = upgraded.downcast::<TokioIo<Line>>().map_err(|_| io::Error::other("not a client's connection"))?;
    // What the client sent right behind its request was read with it.
    write_all(&server, &parts.read_buf).await?;
    let client = parts.io.into_inner();
    let note = |latency, opening: Opening| verdict::note(&server, latency, opening.status());
    relay_timed(client.stream(), &server, idle, note).await;
    Ok(())
}
