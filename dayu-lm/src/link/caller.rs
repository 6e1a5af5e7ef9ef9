//! Dialling the global manager, and proving to it which device calls.
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use dayu_core::{
    connect::{Identity, IdentityError},
    link::{Fingerprint, NODE_NAME, NUMBERED, WebSocket},
    name::Device,
};
use http::HeaderValue;
use kube::Client;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};
use tokio_tungstenite::{
    client_async_with_config,
    tungstenite::{self, client::IntoClientRequest},
};
use tokio_util::either::Either;

use super::{manager::Manager, publish::publish};

/// Longest dial and handshake, longest wait for a peer to take what is written.
const PATIENCE: Duration = Duration::from_secs(5);
pub(super) type Socket = WebSocket<Either<TcpStream, TlsStream<TcpStream>>>;
/// What TLS is told as the other end's name; nobody looks at it.
const NAME: &str = "dayu-gm";

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreached {
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Late,
    #[error("device name {0} cannot stand in a header")]
    Name(Device),
    #[error(
        "the device's key cannot be published: {0}; allow the local manager to get its Node and to write its Lease"
    )]
    Unpublished(#[from] kube::Error),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("cannot connect: {0}")]
    Connect(#[from] std::io::Error),
    #[error(transparent)]
    Socket(#[from] tungstenite::Error),
}

/// Who connects, and how the other end knows.
pub(super) struct Caller {
    client: Client,
    device: Device,
    identity: Identity,
    is_published: AtomicBool,
}

impl Caller {
    pub(super) fn new(client: Client, device: Device, identity: Identity) -> Self {
        Self { client, device, identity, is_published: AtomicBool::new(false) }
    }

    /// Connects; says whether the global manager numbers and acknowledges messages.
    pub(super) async fn dial(&self, manager: &Manager) -> Result<(Socket, bool), Unreached> {
        timeout(PATIENCE, self.connect(manager)).await.map_err(|_| Unreached::Late)?
    }

    async fn connect(&self, manager: &Manager) -> Result<(Socket, bool), Unreached> {
        let mut request = format!("ws://{}/", manager.address).into_client_request()?;
        let name = HeaderValue::from_str(self.device.as_str()).map_err(|_| Unreached::Name(self.device.clone()))?;
        request.headers_mut().insert(NODE_NAME, name);
        request.headers_mut().insert(NUMBERED, HeaderValue::from_static("1"));
        let stream = TcpStream::connect(&manager.address).await?;
        stream.set_nodelay(true)?;
        let stream = match manager.key {
            Some(key) => Either::Right(self.encrypt(stream, key).await?),
            None => Either::Left(stream),
        };
        let (socket, response) = client_async_with_config(request, stream, Some(WebSocket::config())).await?;
        let socket = WebSocket::new(socket, "the global manager", PATIENCE);
        Ok((socket, response.headers().contains_key(NUMBERED)))
    }

    /// TLS to the holder of `key`, who is told ours before it is shown.
    async fn encrypt(&self, stream: TcpStream, key: Fingerprint) -> Result<TlsStream<TcpStream>, Unreached> {
        if !self.is_published.load(Ordering::Relaxed) {
            publish(&self.client, &self.device, self.identity.fingerprint()).await?;
            self.is_published.store(true, Ordering::Relaxed);
        }
        let name = ServerName::try_from(NAME).map_err(|_| Unreached::Name(Device::from(NAME)))?;
        Ok(TlsConnector::from(self.identity.client(key)?).connect(name, stream).await?)
    }

    /// Somebody may have taken the published key away.
    pub(super) fn forget_published(&self) {
        self.is_published.store(false, Ordering::Relaxed);
    }
}
