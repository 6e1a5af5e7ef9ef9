//! Where a mesh serves: the status API, the HTTP front and names.
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use dayu_core::name::Device;
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::task::AbortOnDropHandle;

use super::Parts;
use crate::{Addresses, Error, Options, control::Control, dns, front, listen, status};

/// The port of the status API.
const STATUS: u16 = 10551;
/// Room for the status API, of which its only listener has half.
const STATUS_CONNECTIONS: usize = 512;

/// A task, and where it serves.
type Serves = (SocketAddr, AbortOnDropHandle<()>);

/// What serves as long as it is held.
pub(super) struct Serving {
    asks: mpsc::Sender<dns::Ask>,
    status: Option<Serves>,
    _socket: Option<AbortOnDropHandle<()>>,
    served: Option<Served>,
}

/// What serves where the device is.
struct Served {
    own: IpAddr,
    addresses: Addresses,
    front: AbortOnDropHandle<()>,
    names: Option<AbortOnDropHandle<()>>,
}

impl Serving {
    /// Serves what can be before the device is known: where it is told to, whoever asks learns what keeps the mesh from knowing it.
    pub(super) fn new(parts: &Parts, options: &Options, asks: mpsc::Sender<dns::Ask>) -> Result<Self, Error> {
        let status = options.status.map(|address| parts.serve_status(options, address)).transpose()?;
        let socket = options.socket.as_deref().map(|path| parts.serve_socket(path)).transpose()?;
        Ok(Self { asks, status, _socket: socket, served: None })
    }

    /// Where it is reached, once it is.
    pub(super) fn addresses(&self) -> Option<Addresses> {
        self.served.as_ref().map(|served| served.addresses)
    }

    /// Takes nothing new, but tells of itself.
    pub(super) async fn refuse(&mut self) {
        if let Some(served) = self.served.take() {
            served.end().await;
        }
    }

    /// Serves where the device is, once that is known, and again where it is another place than before.
    pub(super) async fn settle(&mut self, parts: &Parts, options: &Options, control: &Control) -> Result<(), Error> {
        let Some(own) = control.address() else { return Ok(()) };
        if self.served.as_ref().is_some_and(|served| served.own == own) {
            return Ok(());
        }
        if self.served.is_none() {
            control.sweep();
        }
        let status = match &self.status {
            Some((address, _)) => *address,
            None => self.status.insert(parts.serve_status(options, status_of(own))?).0,
        };
        let (front, task) = parts.serve_front(options, own)?;
        let addresses = Addresses { status, front };
        tracing::info!(device = %options.node, status = %addresses.status, front = %addresses.front, "serving");
        // Names are at the same address as before, and so have to be gone from there.
        self.refuse().await;
        let names = options.dns.map(|address| parts.names(options, address, own, self.asks.clone()));
        self.served = Some(Served { own, addresses, front: task, names });
        Ok(())
    }
}

impl Served {
    async fn end(self) {
        for task in self.names.into_iter().chain([self.front]) {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Parts {
    /// Binds the status API and serves it.
    fn serve_status(&self, options: &Options, address: SocketAddr) -> Result<Serves, Error> {
        let (listener, address) = bind("the status API", &options.node, address)?;
        let task = tokio::spawn(status::serve(listener, self.status_door(), Arc::clone(&self.status).router()));
        Ok((address, AbortOnDropHandle::new(task)))
    }

    /// The same on a Unix socket.
    fn serve_socket(&self, path: &Path) -> Result<AbortOnDropHandle<()>, Error> {
        let bound = listen::bind_local(path);
        let listener = bound.map_err(|source| Error::Socket { path: path.to_owned(), source })?;
        let task = tokio::spawn(status::serve_local(listener, self.status_door(), Arc::clone(&self.status).router()));
        Ok(AbortOnDropHandle::new(task))
    }

    /// Its own: whoever asks how a full mesh is must get an answer.
    fn status_door(&self) -> listen::Door {
        listen::Gate::new(STATUS_CONNECTIONS, Arc::clone(&self.status.stats)).door("the status API".to_owned())
    }

    /// Binds the front and serves it.
    fn serve_front(&self, options: &Options, own: IpAddr) -> Result<Serves, Error> {
        let (listener, address) = bind("the HTTP front", &options.node, SocketAddr::new(own, front::PORT))?;
        let door = self.gate.door("the HTTP front".to_owned());
        let task = tokio::spawn(front::serve(listener, door, Arc::clone(&self.front)));
        Ok((address, AbortOnDropHandle::new(task)))
    }

    fn names(
        &self,
        options: &Options,
        address: SocketAddr,
        own: IpAddr,
        asks: mpsc::Sender<dns::Ask>,
    ) -> AbortOnDropHandle<()> {
        let servers = options.dns_upstream.clone();
        let names =
            dns::Names::new(Arc::clone(&self.front.directory), asks, servers, address, Arc::clone(&self.status.stats));
        let place = dns::Place { address, network: options.dns_network, own };
        let door = self.gate.door("names".to_owned());
        AbortOnDropHandle::new(tokio::spawn(dns::serve(Arc::new(names), place, door, Arc::clone(&self.status.feed))))
    }
}

/// Where the status API of a device with this address is, unless it is said.
fn status_of(own: IpAddr) -> SocketAddr {
    SocketAddr::new(if own.is_loopback() { own } else { Ipv4Addr::LOCALHOST.into() }, STATUS)
}

fn bind(what: &'static str, device: &Device, address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let bound = listen::bind(address, listen::Sharing::Exclusive).and_then(|listener| {
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(|source| Error::Bind { what, device: device.clone(), address, source })
}
