//! The way between a manager and its API server, which can be lost without a word as behind a firewall that forgets.
use std::{net::SocketAddr, sync::Arc, time::Duration};

use dayu_core::connect;
use kube::Client;
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_util::task::AbortOnDropHandle;

/// Carries connections until they are lost.
pub(super) struct Way {
    /// How often it was lost: a connection lives only in the count in which it began. None is carried as long as it is odd.
    losses: Arc<watch::Sender<u32>>,
    address: SocketAddr,
    _carried: AbortOnDropHandle<()>,
}

impl Way {
    pub(super) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, losses) = (listener.local_addr().unwrap(), Arc::new(watch::Sender::new(0)));
        let count = losses.clone();
        let carried = tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                tokio::spawn(carry(near, server, count.subscribe()));
            }
        });
        Self { losses, address, _carried: AbortOnDropHandle::new(carried) }
    }

    /// Connections that are open stay open and say nothing any more; new ones are taken, and get no answer.
    pub(super) fn lose(&self) {
        self.losses.send_modify(|losses| *losses += 1);
    }

    /// New connections get answers again. Those from before are lost for ever.
    pub(super) fn find(&self) {
        self.losses.send_modify(|losses| *losses += 1);
    }

    /// A client as a daemon makes it for itself, on this way. It gives up a connection that is silent for so long.
    pub(super) async fn client(&self, mut kubeconfig: Value, silence: Duration) -> Client {
        kubeconfig["clusters"][0]["cluster"]["server"] = Value::from(format!("https://{}", self.address));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kubeconfig");
        std::fs::write(&path, kubeconfig.to_string()).unwrap();
        connect::client_within(Some(&path), silence).await.unwrap()
    }
}

async fn carry(mut near: TcpStream, server: SocketAddr, mut losses: watch::Receiver<u32>) {
    let born = *losses.borrow_and_update();
    if born.is_multiple_of(2)
        && let Ok(mut far) = TcpStream::connect(server).await
    {
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut near, &mut far) => return,
            _ = losses.wait_for(|now| *now != born) => {}
        }
        // Far away it is closed; near, nobody is told.
    }
    let _forgotten = near;
    std::future::pending::<()>().await;
}
