//! The parts of a local manager, put together.
use kube::Client;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{Addresses, Error, Options};

/// Runs everything until `shutdown`.
pub(crate) async fn run(
    _client: Client,
    options: Options,
    _announce: watch::Sender<Option<Addresses>>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let data = options.data_dir();
    std::fs::create_dir_all(&data).map_err(|source| Error::Data { path: data, source })?;
    shutdown.cancelled().await;
    Ok(())
}
