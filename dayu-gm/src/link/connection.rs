//! One connection of one device, from handshake to end.
use dayu_core::{
    link::{CodecError, Event, Frame, LARGEST_FRAME, PING_EVERY},
    name::Device,
};
use futures::{SinkExt, StreamExt};
use http::StatusCode;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async_with_config,
    tungstenite::{
        self, Message as Ws,
        handshake::server::{ErrorResponse, Request, Response},
        protocol::WebSocketConfig,
    },
};

use super::hub::{Hub, Outgoing, Upstream};

/// The header by which a device names itself, as Sedna's local controllers do.
const NODE_NAME: &str = "Node-Name";
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
    #[error("no header {NODE_NAME} with the name of a device")]
    Nameless,
    #[error("too many devices have sessions")]
    Full,
    #[error("replaced by a newer connection of the same device, or silent for too long")]
    Cut,
    #[error("closed by the device")]
    Closed,
    #[error(transparent)]
    Socket(#[from] tungstenite::Error),
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error("the device does not read what is written")]
    Stuck,
}

/// Serves one connection until it ends.
pub(super) async fn serve(hub: &Hub, stream: TcpStream) -> Ended {
    let _ = stream.set_nodelay(true);
    let (device, socket) = match shake_hands(stream).await {
        Ok(pair) => pair,
        Err(ended) => return ended,
    };
    let Some((seat, outgoing)) = hub.seat(&device) else { return Ended::Full };
    seat.say(Upstream::Connected(device.clone())).await;
    let ended = exchange(&device, &seat, outgoing, socket).await;
    let replaced = seat.event(Event::Heard).is_none();
    if !(replaced && hub.is_connected(&device)) {
        seat.say(Upstream::Disconnected(device.clone())).await;
    }
    tracing::debug!(%device, %ended, "link closed");
    ended
}

async fn shake_hands(stream: TcpStream) -> Result<(Device, WebSocketStream<TcpStream>), Ended> {
    let mut device = None;
    let config = WebSocketConfig::default().max_message_size(Some(LARGEST_FRAME)).max_frame_size(Some(LARGEST_FRAME));
    let named = |request: &Request, response: Response| name(request, &mut device).map(|()| response);
    let accepted = timeout(HANDSHAKE, accept_hdr_async_with_config(stream, named, Some(config))).await;
    let socket = accepted.map_err(|_| Ended::Late)?.map_err(Ended::Handshake)?;
    Ok((device.ok_or(Ended::Nameless)?, socket))
}

#[expect(clippy::result_large_err, reason = "the signature that the handshake asks for")]
fn name(request: &Request, device: &mut Option<Device>) -> Result<(), ErrorResponse> {
    let named = request.headers().get(NODE_NAME).and_then(|value| value.to_str().ok());
    *device = named.filter(|name| (1..=253).contains(&name.len())).map(Device::from);
    if device.is_some() {
        return Ok(());
    }
    let mut refusal = ErrorResponse::new(Some(format!("name your device in the header {NODE_NAME}")));
    *refusal.status_mut() = StatusCode::BAD_REQUEST;
    Err(refusal)
}

async fn exchange(
    device: &Device,
    seat: &super::hub::Seat,
    mut outgoing: tokio::sync::mpsc::Receiver<Outgoing>,
    mut socket: WebSocketStream<TcpStream>,
) -> Ended {
    let mut ticks = tokio::time::interval(PING_EVERY);
    loop {
        let outcome = tokio::select! {
            next = outgoing.recv() => match next {
                Some(Outgoing::Frame(frame)) => write(seat, &mut socket, frame).await,
                Some(Outgoing::Ping) => put(&mut socket, Ws::Ping(Default::default())).await,
                None => Err(Ended::Cut),
            },
            incoming = socket.next() => match incoming {
                Some(Ok(message)) => read(device, seat, message).await,
                Some(Err(error)) => Err(error.into()),
                None => Err(Ended::Closed),
            },
            _ = ticks.tick() => seat.event(Event::Tick).map(drop).ok_or(Ended::Cut),
        };
        if let Err(ended) = outcome {
            return ended;
        }
    }
}

async fn write(seat: &super::hub::Seat, socket: &mut WebSocketStream<TcpStream>, frame: Frame) -> Result<(), Ended> {
    put(socket, Ws::text(frame.encode()?)).await?;
    seat.written(&frame);
    Ok(())
}

async fn put(socket: &mut WebSocketStream<TcpStream>, message: Ws) -> Result<(), Ended> {
    timeout(WRITE, socket.send(message)).await.map_err(|_| Ended::Stuck)??;
    Ok(())
}

async fn read(device: &Device, seat: &super::hub::Seat, message: Ws) -> Result<(), Ended> {
    let event = match message {
        Ws::Text(text) => Event::Received(Frame::decode(&text)?),
        Ws::Close(_) => return Err(Ended::Closed),
        _ => Event::Heard,
    };
    for message in seat.event(event).ok_or(Ended::Cut)? {
        seat.say(Upstream::Said(device.clone(), message)).await;
    }
    Ok(())
}
