//! A device's end of the link, of Sedna's kind. Whatever its scenario waits for, it answers pings: a silent one would be cut.
use std::net::SocketAddr;

use dayu_core::link::{Frame, Message};
use futures::{SinkExt, StreamExt};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message as Ws, client::IntoClientRequest},
};
use tokio_util::task::AbortOnDropHandle;

/// What the manager says is kept until somebody listens.
pub(super) struct Link {
    heard: mpsc::UnboundedReceiver<Result<Message, String>>,
    said: mpsc::UnboundedSender<Message>,
    _talk: AbortOnDropHandle<()>,
}

impl Link {
    pub(super) async fn connect(manager: SocketAddr, device: &str) -> Self {
        let mut request = format!("ws://{manager}/").into_client_request().unwrap();
        request.headers_mut().insert("Node-Name", device.parse().unwrap());
        let (socket, _) = connect_async(request).await.unwrap();
        let (hears, heard) = mpsc::unbounded_channel();
        let (said, says) = mpsc::unbounded_channel();
        Self { heard, said, _talk: AbortOnDropHandle::new(tokio::spawn(talk(socket, hears, says))) }
    }

    /// What the manager says next.
    pub(super) async fn hear(&mut self) -> Message {
        self.heard
            .recv()
            .await
            .expect("nothing comes after the end")
            .unwrap_or_else(|why| panic!("the link ended: {why}"))
    }

    pub(super) fn say(&self, message: Message) {
        self.said.send(message).expect("a link that stands");
    }
}

async fn talk(
    mut socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    hears: mpsc::UnboundedSender<Result<Message, String>>,
    mut says: mpsc::UnboundedReceiver<Message>,
) {
    let why = loop {
        tokio::select! {
            Some(message) = says.recv() => {
                let frame = Frame { message: Some(message), ..Frame::default() };
                if let Err(error) = socket.send(Ws::text(frame.encode().unwrap())).await {
                    break error.to_string();
                }
            }
            incoming = socket.next() => match incoming {
                Some(Ok(Ws::Text(text))) => {
                    if let Some(message) = Frame::decode(&text).unwrap().message {
                        let _ = hears.send(Ok(message));
                    }
                }
                Some(Ok(Ws::Close(reason))) => break format!("{reason:?}"),
                Some(Ok(_)) => {}
                Some(Err(error)) => break error.to_string(),
                None => break "nothing more comes".to_owned(),
            },
        }
    };
    let _ = hears.send(Err(why));
}
