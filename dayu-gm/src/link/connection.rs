//! One connection of one device, from handshake to end.
use dayu_core::{
    link::{Event, Frame, NODE_NAME, NUMBERED, PING_EVERY, Transport, TransportError, WebSocket},
    name::Device,
};
use http::{HeaderValue, StatusCode};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    accept_hdr_async_with_config,
    tungstenite::{
        self,
        handshake::server::{ErrorResponse, Request, Response},
    },
};

use super::{
    Admission,
    admission::{Refused, Stream},
    hub::{Hub, Outgoing, Seat, Upstream},
};

/// Longest handshake.
const HANDSHAKE: std::time::Duration = std::time::Duration::from_secs(5);
/// Longest wait for a peer to take what is written.
const WRITE: std::time::Duration = std::time::Duration::from_secs(10);

/// Why a connection ended; for the log only, the device comes back by itself.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("no handshake within {} s", HANDSHAKE.as_secs())]
    Late,
    #[error("handshake: {0}")]
    Handshake(tungstenite::Error),
    #[error("not let in: {0}")]
    Refused(#[from] Refused),
    #[error("no header {NODE_NAME} with the name of a device")]
    Nameless,
    #[error("too many devices have sessions")]
    Full,
    #[error("replaced by a newer connection of the same device, or silent for too long")]
    Cut,
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// Serves one connection until it ends.
pub(super) async fn serve(hub: &Hub, admission: &Admission, stream: TcpStream) -> Ended {
    let _ = stream.set_nodelay(true);
    // On the heap, and gone with its end: a connection lasts, and there are many.
    let shaken = timeout(HANDSHAKE, Box::pin(shake_hands(admission, stream))).await;
    let (Peer { device, numbered }, transport) = match shaken {
        Ok(Ok(shaken)) => shaken,
        // Somebody looked whether the address takes connections.
        Ok(Err(ended @ Ended::Refused(Refused::Mute))) => return ended,
        Ok(Err(ended)) => {
            tracing::warn!(%ended, "a connection to the link is refused");
            return ended;
        }
        Err(_) => return Ended::Late,
    };
    let Some((seat, outgoing)) = hub.seat(&device, numbered) else { return Ended::Full };
    seat.say(Upstream::Connected(device.clone())).await;
    let ended = exchange(&device, &seat, outgoing, transport).await;
    seat.leave();
    // Another connection of the device may have come meanwhile.
    if !hub.is_connected(&device) {
        seat.say(Upstream::Disconnected(device.clone())).await;
    }
    tracing::debug!(%device, %ended, "link closed");
    ended
}

/// Who connects.
struct Peer {
    device: Device,
    /// Whether it numbers and acknowledges messages, as ours do and Sedna's do not.
    numbered: bool,
}

async fn shake_hands(admission: &Admission, stream: TcpStream) -> Result<(Peer, WebSocket<Stream>), Ended> {
    let (stream, shown) = admission.open(stream).await?;
    let mut peer = None;
    let greet = |request: &Request, response: Response| greet(request, response, &mut peer);
    let config = Some(WebSocket::config());
    let socket = accept_hdr_async_with_config(stream, greet, config).await.map_err(Ended::Handshake)?;
    let peer = peer.ok_or(Ended::Nameless)?;
    let socket = WebSocket::new(socket, format!("device {}", peer.device), WRITE);
    match admission.check(&peer.device, shown).await {
        Ok(()) => Ok((peer, socket)),
        Err(refused) => {
            // The device's operator reads the reason in the device's log.
            socket.refuse(&refused.to_string()).await;
            Err(refused.into())
        }
    }
}

fn greet(request: &Request, mut response: Response, peer: &mut Option<Peer>) -> Result<Response, ErrorResponse> {
    let named = request.headers().get(NODE_NAME).and_then(|value| value.to_str().ok());
    let Some(name) = named.filter(|name| (1..=253).contains(&name.len())) else {
        let mut refusal = ErrorResponse::new(Some(format!("name your device in the header {NODE_NAME}")));
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        return Err(refusal);
    };
    let numbered = request.headers().contains_key(NUMBERED);
    if numbered {
        response.headers_mut().insert(NUMBERED, HeaderValue::from_static("1"));
    }
    *peer = Some(Peer { device: Device::from(name), numbered });
    Ok(response)
}

async fn exchange(
    device: &Device,
    seat: &Seat,
    mut outgoing: tokio::sync::mpsc::Receiver<Outgoing>,
    mut transport: impl Transport,
) -> Ended {
    let mut ticks = tokio::time::interval(PING_EVERY);
    loop {
        let outcome = tokio::select! {
            next = outgoing.recv() => match next {
                Some(Outgoing::Frame(frame)) => write(seat, &mut transport, frame).await,
                Some(Outgoing::Ping) => transport.ping().await.map_err(Ended::from),
                None => Err(Ended::Cut),
            },
            incoming = transport.receive() => match incoming {
                Ok(frame) => read(device, seat, frame).await,
                Err(error) => Err(error.into()),
            },
            _ = ticks.tick() => seat.event(Event::Tick).map(drop).ok_or(Ended::Cut),
        };
        if let Err(ended) = outcome {
            return ended;
        }
    }
}

async fn write(seat: &Seat, transport: &mut impl Transport, frame: Frame) -> Result<(), Ended> {
    let seq = frame.seq;
    transport.send(frame).await?;
    seat.written(seq);
    Ok(())
}

async fn read(device: &Device, seat: &Seat, frame: Option<Frame>) -> Result<(), Ended> {
    for message in seat.event(Event::from(frame)).ok_or(Ended::Cut)? {
        seat.say(Upstream::Said(device.clone(), message)).await;
    }
    Ok(())
}
