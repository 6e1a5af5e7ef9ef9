//! Connections to endpoints that are kept for the next request: they hide the second handshake.
use std::{
    collections::{HashMap, HashSet},
    io,
    net::SocketAddr,
    sync::Arc,
};

use dayu_core::directory::Directory;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;

use super::upload::Upload;

/// One connection to an endpoint, ready for a request.
pub(crate) type Sender = http1::SendRequest<Upload>;

/// Idle connections kept per endpoint; more are closed when they become idle.
const KEPT: usize = 32;
/// Bytes buffered for the head of an answer; a longer head is an error of the endpoint.
const HEAD: usize = 64 * 1024;

/// The idle connections, by address of the endpoint.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<HashMap<SocketAddr, Vec<Sender>>>,
}

impl Pool {
    /// The connection that became idle last, which its endpoint is the least likely to have given up.
    pub(crate) fn take(&self, address: SocketAddr) -> Option<Sender> {
        let mut idle = self.idle.lock();
        let kept = idle.get_mut(&address)?;
        while let Some(sender) = kept.pop() {
            if sender.is_ready() && !sender.is_closed() {
                return Some(sender);
            }
        }
        idle.remove(&address);
        None
    }

    /// Keeps `sender` once its last exchange is entirely over.
    pub(crate) fn give(self: &Arc<Self>, address: SocketAddr, mut sender: Sender) {
        if sender.is_ready() {
            return self.keep(address, sender);
        }
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            if sender.ready().await.is_ok() {
                pool.keep(address, sender);
            }
        });
    }

    /// Closes what is idle to endpoints that the directory does not know any more.
    pub(crate) fn retain_known(&self, directory: &Directory) {
        let mut idle = self.idle.lock();
        if idle.is_empty() {
            return;
        }
        let known: HashSet<SocketAddr> = directory.with(|snapshot| {
            let ports = snapshot.services().flat_map(|service| &service.ports);
            ports.flat_map(|port| port.endpoints.all()).map(|endpoint| endpoint.address).collect()
        });
        idle.retain(|address, kept| {
            kept.retain(|sender| !sender.is_closed());
            !kept.is_empty() && known.contains(address)
        });
    }

    fn keep(&self, address: SocketAddr, sender: Sender) {
        let mut idle = self.idle.lock();
        let kept = idle.entry(address).or_default();
        if kept.len() < KEPT {
            kept.push(sender);
        }
    }
}

/// Makes a new connection.
pub(crate) async fn dial(address: SocketAddr) -> io::Result<Sender> {
    let stream = TcpStream::connect(address).await?;
    let _ = stream.set_nodelay(true);
    let exchange = http1::Builder::new().max_buf_size(HEAD).handshake(TokioIo::new(stream)).await;
    let (sender, connection) = exchange.map_err(io::Error::other)?;
    // Ends with the connection: when the sender is dropped, or the endpoint closes.
    tokio::spawn(connection);
    Ok(sender)
}
