//! Accepting the devices' connections.
use std::{net::SocketAddr, sync::Arc};

use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Admission, connection, hub::Hub};

/// Connections at the same time, handshakes included.
const MOST_CONNECTIONS: usize = 20_000;
/// After a failed accept (out of file descriptors), so long until the next.
const BREATH: std::time::Duration = std::time::Duration::from_millis(50);

/// The link cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The address cannot be bound.
    #[error(
        "cannot listen for local managers on {address}: {source}; free the port or choose another with --link-listen"
    )]
    Bind {
        /// What was to be bound.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A bound link.
pub struct Listening {
    /// Where it listens.
    pub address: SocketAddr,
    listener: TcpListener,
}

/// Binds the link.
///
/// # Errors
/// See [`LinkError`].
pub async fn listen(address: SocketAddr) -> Result<Listening, LinkError> {
    let failed = |source| LinkError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Listening { address, listener })
}

impl Listening {
    /// Serves the devices that `admission` lets in until `shutdown`, then waits for the connections to end.
    pub async fn serve(self, hub: Hub, admission: Admission, shutdown: CancellationToken) {
        let admission = Arc::new(admission);
        let connections = TaskTracker::new();
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(BREATH).await;
                continue;
            };
            // Without a place the connection is dropped: the device tries again by itself.
            let Ok(place) = places.clone().try_acquire_owned() else { continue };
            let (hub, admission, shutdown) = (hub.clone(), admission.clone(), shutdown.clone());
            connections.spawn(async move {
                let _place = place;
                let ended = shutdown.run_until_cancelled(connection::serve(&hub, &admission, stream)).await;
                if let Some(ended) = ended {
                    tracing::debug!(%ended, "a link connection ended");
                }
            });
        }
        connections.close();
        connections.wait().await;
    }
}
