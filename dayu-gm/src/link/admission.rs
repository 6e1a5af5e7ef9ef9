//! Who may come in: the device whose Lease names the key that was shown.
use std::io;

use dayu_core::{
    api::{NAMESPACE, annotation::LINK_KEY},
    connect::{Identity, IdentityError, shown, told},
    link::{Fingerprint, lease_of},
    name::Device,
};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, ResourceExt};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::either::Either;

/// The first byte of every TLS connection; that of HTTP is a letter.
const HANDSHAKE_RECORD: u8 = 0x16;

/// A device's connection, encrypted unless the operator allowed otherwise.
pub(super) type Stream = Either<TcpStream, TlsStream<TcpStream>>;

/// Tells devices from those that only say so.
pub struct Admission {
    tls: TlsAcceptor,
    leases: Api<Lease>,
    plain: bool,
}

/// Why a connection was not let in.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("it went without a word")]
    Mute,
    #[error("it does not speak TLS; a local controller of Sedna needs the global manager's --link-plain")]
    Plain,
    #[error("TLS: {0}")]
    Tls(#[from] io::Error),
    #[error("no key is published for device {0}: its local manager must write the Lease {NAMESPACE}/{lease}", lease = lease_of(.0))]
    Unpublished(Device),
    #[error("the Lease {NAMESPACE}/{lease} names another key than was shown", lease = lease_of(.0))]
    Another(Device),
    #[error("the API does not tell which key is the device's: {}", told(.0))]
    Unknown(#[from] kube::Error),
}

impl Admission {
    /// By the Leases that `client` reads. With `plain`, connections without TLS are taken too, and believed.
    ///
    /// # Errors
    /// When TLS does not take the key.
    pub fn new(client: Client, identity: &Identity, plain: bool) -> Result<Self, IdentityError> {
        Ok(Self { tls: TlsAcceptor::from(identity.server()?), leases: Api::namespaced(client, NAMESPACE), plain })
    }

    /// Opens a connection as far as its protocol asks, and tells which key was proved.
    pub(super) async fn open(&self, stream: TcpStream) -> Result<(Stream, Option<Fingerprint>), Refused> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Err(Refused::Mute);
        }
        if first[0] != HANDSHAKE_RECORD {
            return if self.plain { Ok((Either::Left(stream), None)) } else { Err(Refused::Plain) };
        }
        let stream = self.tls.accept(stream).await?;
        let shown = shown(stream.get_ref().1.peer_certificates());
        Ok((Either::Right(stream), shown))
    }

    /// Whether the key that was shown is that of `device`.
    pub(super) async fn check(&self, device: &Device, shown: Option<Fingerprint>) -> Result<(), Refused> {
        // Nothing was shown only where the operator said that this is all right.
        let Some(shown) = shown else { return Ok(()) };
        let lease = self.leases.get_opt(&lease_of(device)).await?;
        let published = lease.as_ref().and_then(|lease| lease.annotations().get(LINK_KEY)?.parse::<Fingerprint>().ok());
        match published {
            Some(key) if key == shown => Ok(()),
            Some(_) => Err(Refused::Another(device.clone())),
            None => Err(Refused::Unpublished(device.clone())),
        }
    }
}
