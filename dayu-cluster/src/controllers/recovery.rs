//! A disk that was full: once it takes writes again, the controllers look at everything anew, since nobody tells them
//! again of what they could not write.
use std::{future::pending, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use tokio::{sync::watch, time::sleep};

use crate::store::Store;

/// Between two attempts to write.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs a controller, and from the start again each time that the store has recovered.
pub(super) fn restarting<F>(store: &Store, work: impl Fn(Store) -> F + Send + Sync + 'static) -> BoxFuture<'static, ()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let store = store.clone();
    async move {
        let Some(mut trouble) = store.trouble() else { return work(store.clone()).await };
        loop {
            tokio::select! {
                () = work(store.clone()) => return,
                () = recovered(&mut trouble) => {}
            }
        }
    }
    .boxed()
}

/// Whenever the store cannot write, tries until it can: there may be no other writer to notice.
pub(super) async fn probe(store: Store) {
    let Some(mut trouble) = store.trouble() else { return };
    while trouble.wait_for(|trouble| *trouble).await.is_ok() {
        tracing::warn!("the data directory takes no more: controllers wait until it does");
        while *trouble.borrow() {
            sleep(PAUSE).await;
            match store.probe() {
                Ok(()) => tracing::info!("the data directory takes writes again: controllers go on"),
                Err(error) => tracing::debug!(%error, "still no room"),
            }
        }
    }
}

async fn recovered(trouble: &mut watch::Receiver<bool>) {
    for state in [true, false] {
        if trouble.wait_for(|trouble| *trouble == state).await.is_err() {
            // Nobody is left who could fail.
            return pending().await;
        }
    }
}
