//! The API over HTTPS on loopback, for kubectl and for separate processes.
//!
//! Whoever wants more than health and version shows a client certificate of this cluster's authority; the kubeconfig holds
//! one. There is no user but that one: the embedded cluster serves one machine and whoever may read its kubeconfig.

mod authority;
mod connection;
mod kubeconfig;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use authority::Authority;
pub use authority::AuthorityError;

use crate::files;
use crate::rest::ApiService;

/// Connections beyond this wait until others end.
const CONNECTIONS: usize = 1024;
/// What open requests get to finish when the server stops.
const DRAIN: Duration = Duration::from_secs(2);

/// The API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("{0} is not a loopback address: the embedded cluster serves one machine; listen on 127.0.0.1")]
    NotLoopback(SocketAddr),
    #[error("cannot listen on {address}: {source}; choose another port, or 0 for any")]
    Bind { address: SocketAddr, source: std::io::Error },
    #[error("cannot write {path}: {source}")]
    Kubeconfig { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error("the Service `kubernetes` cannot be stored: {0}")]
    Publish(#[from] crate::store::StoreError),
}

/// A server that listens. Dropping it stops it at once; [`Serving::shutdown`] lets open requests end.
#[derive(Debug)]
pub struct Serving {
    addr: SocketAddr,
    kubeconfig: String,
    kubeconfig_path: Option<PathBuf>,
    stop: CancellationToken,
    accepting: JoinHandle<()>,
}

impl Serving {
    /// Where it listens, the port as the system chose it.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How to reach it, as kubectl and `kube::Config` read it. Holds a private key.
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    /// Where the kubeconfig was written, if there is a data directory.
    pub fn kubeconfig_path(&self) -> Option<&std::path::Path> {
        self.kubeconfig_path.as_deref()
    }

    /// Stops listening, ends watches, and waits a moment for other open requests.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        // The task itself cannot fail; it ends within the time that open requests get.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.cancel();
        self.accepting.abort();
    }
}

/// Serves on `address`; programs may also know the API by its service address `within`.
pub(crate) async fn serve(
    service: ApiService,
    authority: &Authority,
    address: SocketAddr,
    within: Ipv4Addr,
    kubeconfig_path: Option<PathBuf>,
) -> Result<Serving, ServeError> {
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback(address));
    }
    let bind = |source| ServeError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(bind)?;
    let addr = listener.local_addr().map_err(bind)?;
    let acceptor = TlsAcceptor::from(Arc::new(authority.server_config(&[addr.ip(), within.into()])?));
    let kubeconfig = kubeconfig::write(addr, authority.certificate(), &authority.client()?);
    if let Some(path) = &kubeconfig_path {
        files::write_private(path, &kubeconfig)
            .map(drop)
            .map_err(|source| ServeError::Kubeconfig { path: path.clone(), source })?;
    }
    let stop = CancellationToken::new();
    let accepting = tokio::spawn(accept(listener, acceptor, service, stop.clone()));
    Ok(Serving { addr, kubeconfig, kubeconfig_path, stop, accepting })
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, service: ApiService, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = TaskTracker::new();
    // Tracked tasks outlive an abort of this one only until they see this.
    let _stop = stop.clone().drop_guard();
    loop {
        let Some(Ok(place)) = stop.run_until_cancelled(places.clone().acquire_owned()).await else { break };
        let stream = match stop.run_until_cancelled(listener.accept()).await {
            None => break,
            Some(Ok((stream, _))) => stream,
            Some(Err(error)) => {
                // Out of descriptors, or a client that left already: neither ends the server.
                tracing::warn!(%error, "a connection to the API could not be accepted");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let (acceptor, service, stop) = (acceptor.clone(), service.clone(), stop.clone());
        connections.spawn(async move {
            connection::handle(stream, &acceptor, service, &stop).await;
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    let _ = tokio::time::timeout(DRAIN, connections.wait()).await;
}
