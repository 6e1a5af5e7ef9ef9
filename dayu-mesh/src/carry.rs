//! One accepted connection of a Service's listener: pick, dial, copy; or refuse with a reset.
use std::{sync::Arc, time::Duration};

use dayu_core::name::Device;
use tokio::net::TcpStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use crate::{
    dial,
    listen::{Binding, Permit, Serve},
    relay::{relay_witnessed, reset_on_close},
    stats::Stats,
    verdict::Talk,
};

/// What every connection needs.
#[derive(Clone)]
pub(crate) struct Carrier {
    pub(crate) stack: dial::Bytes,
    pub(crate) own: Device,
    pub(crate) stats: Arc<Stats>,
    pub(crate) carried: TaskTracker,
    /// A connection over which nothing flows for so long is cut.
    pub(crate) idle: Duration,
}

impl Carrier {
    /// Carries what listeners accept, each connection in a task of its own.
    pub(crate) fn serve(self) -> Serve {
        Arc::new(move |binding, client, permit, closed| {
            self.carried.spawn(self.clone().carry(binding, client, permit, closed));
        })
    }

    async fn carry(self, binding: Arc<Binding>, client: TcpStream, permit: Permit, closed: CancellationToken) {
        // A connection of a Service that is gone or replaced must not look as if it had ended well.
        tokio::select! {
            () = closed.cancelled_owned() => reset_on_close(&client),
            () = self.converse(&binding, &client) => {}
        }
        drop(permit);
    }

    async fn converse(self, binding: &Binding, client: &TcpStream) {
        let peer = client.peer_addr().ok().map(|peer| peer.ip());
        let request = dial::request(binding.service.clone(), binding.port, &binding.reach, &self.own, peer);
        match self.stack.oneshot(request).await {
            Ok(reached) => {
                let visit = Some(self.stats.landed(&binding.service, reached.endpoint()));
                let talk = Talk { reached, visit };
                relay_witnessed(client, &talk.reached, self.idle, &talk).await;
            }
            Err(error) => {
                self.stats.refused(error.reason());
                tracing::debug!(service = %binding.service, %error, "refused");
                reset_on_close(client);
            }
        }
    }
}
