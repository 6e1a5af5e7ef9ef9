//! The small controllers that a single machine needs, in the place of Kubernetes' own.
//!
//! | module          | turns                              | into                                                   |
//! |-----------------|------------------------------------|--------------------------------------------------------|
//! | [`deployments`] | Deployments                        | Pods, directly owned                                   |
//! | [`binding`]     | Pods without a node                | Pods bound to the node that fits                       |
//! | [`endpoints`]   | Services and Pods                  | EndpointSlices and Endpoints                           |
//! | [`nodes`]       | Nodes and their Leases             | pod networks, and readiness when the heartbeat stops   |
//! | [`garbage`]     | owner references                   | deletion of what nobody owns any more                  |
//! | [`namespaces`]  | Namespaces                         | their default objects; emptied and gone when deleted   |
//!
//! Each keeps an index of what it must look at when something changes, so that a change costs what it touches. None polls.
mod binding;
mod deployments;
mod endpoints;
mod feed;
mod garbage;
mod kinds;
mod namespaces;
mod nodes;
mod pod;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::store::Store;
pub use nodes::{NetworkError as PodNetworksError, PodNetworks};

/// Starts all controllers; they end when `shutdown` says so. The returned set owns their tasks.
pub fn start(
    store: &Store,
    networks: PodNetworks,
    root_certificate: Option<String>,
    shutdown: &CancellationToken,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let mut spawn = |work: futures::future::BoxFuture<'static, ()>| {
        let shutdown = shutdown.clone();
        tasks.spawn(async move {
            shutdown.run_until_cancelled(work).await;
        });
    };
    spawn(Box::pin(deployments::run(store.clone())));
    spawn(Box::pin(binding::run(store.clone())));
    spawn(Box::pin(endpoints::run(store.clone())));
    spawn(Box::pin(nodes::run(store.clone(), networks)));
    spawn(Box::pin(garbage::run(store.clone())));
    spawn(Box::pin(namespaces::run(store.clone(), root_certificate)));
    tasks
}
