//! Connections to endpoints that are kept for the next request: they hide the second handshake.
use std::{
    collections::HashMap,
    io,
    sync::{Arc, Weak},
};

use dayu_core::balance::Load;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;

use super::{heard::Heard, upload::Upload};

/// One connection to an endpoint, ready for a request.
pub(crate) type Sender = http1::SendRequest<Upload>;

/// Idle connections kept per endpoint; more are closed when they become idle.
const KEPT: usize = 32;
/// Bytes buffered for the head of an answer; a longer head is an error of the endpoint.
const HEAD: usize = 64 * 1024;

/// The idle connections, by where the measurements of the endpoint lie. What is measured of an endpoint lives exactly as long as the endpoint, so it stands for it:
/// a pod that gets the address of another one does not get its connections.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<HashMap<usize, Kept>>,
}

/// The connections to one endpoint. What it points to is not given to another as long as it is here.
#[derive(Debug)]
struct Kept {
    endpoint: Weak<Load>,
    senders: Vec<Sender>,
}

impl Pool {
    /// The connection that became idle last, which its endpoint is the least likely to have given up.
    pub(crate) fn take(&self, endpoint: &Arc<Load>) -> Option<Sender> {
        let mut idle = self.idle.lock();
        let kept = idle.get_mut(&Arc::as_ptr(endpoint).addr())?;
        while let Some(sender) = kept.senders.pop() {
            if sender.is_ready() && !sender.is_closed() {
                return Some(sender);
            }
        }
        idle.remove(&Arc::as_ptr(endpoint).addr());
        None
    }

    /// Keeps `sender` once its last exchange is entirely over.
    pub(crate) fn give(self: &Arc<Self>, endpoint: Weak<Load>, mut sender: Sender) {
        if sender.is_ready() {
            return self.keep(endpoint, sender);
        }
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            if sender.ready().await.is_ok() {
                pool.keep(endpoint, sender);
            }
        });
    }

    /// Closes what is idle to endpoints that are gone.
    pub(crate) fn retain_known(&self) {
        self.idle.lock().retain(|_, kept| {
            kept.senders.retain(|sender| !sender.is_closed());
            !kept.senders.is_empty() && kept.endpoint.strong_count() > 0
        });
    }

    fn keep(&self, endpoint: Weak<Load>, sender: Sender) {
        let mut idle = self.idle.lock();
        let kept = idle.entry(endpoint.as_ptr().addr()).or_insert_with(|| Kept { endpoint, senders: Vec::new() });
        if kept.senders.len() < KEPT {
            kept.senders.push(sender);
        }
    }
}

/// Prepares a connection that stands for requests.
pub(crate) async fn open(stream: TcpStream) -> io::Result<Sender> {
    let exchange = http1::Builder::new().max_buf_size(HEAD).handshake(TokioIo::new(Heard::new(stream))).await;
    let (sender, connection) = exchange.map_err(io::Error::other)?;
    // Ends with the connection: when the sender is dropped, or the endpoint closes, or both sides switch to something else.
    tokio::spawn(connection.with_upgrades());
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{io::AsyncReadExt, net::TcpListener};

    #[tokio::test]
    async fn a_connection_is_for_the_endpoint_that_it_was_made_to_and_ends_with_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut sender = open(stream).await.unwrap();
        sender.ready().await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let (pool, endpoint, successor) = (Arc::new(Pool::default()), Arc::default(), Arc::default());
        pool.give(Arc::downgrade(&endpoint), sender);
        assert!(pool.take(&successor).is_none(), "of the same address, but not the one it was made to");
        let sender = pool.take(&endpoint).unwrap();
        pool.give(Arc::downgrade(&endpoint), sender);
        pool.retain_known();
        assert_eq!(pool.idle.lock().len(), 1);
        drop(endpoint);
        pool.retain_known();
        assert_eq!(pool.idle.lock().len(), 0);
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0, "it is closed");
    }
}
