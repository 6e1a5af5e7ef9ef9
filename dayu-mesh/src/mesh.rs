//! Puts the parts together.
use kube::Client;
use tokio::sync::watch;

use crate::{Addresses, Error, Options, node};

/// Runs until dropped.
pub(crate) async fn run(
    client: Client,
    options: Options,
    announce: watch::Sender<Option<Addresses>>,
) -> Result<(), Error> {
    let Some(address) = node::address(client, &options.node).await else { return Ok(()) };
    tracing::debug!(device = %options.node, %address, "the device's own address is known; nothing listens on it yet");
    announce.closed().await;
    std::future::pending().await
}
