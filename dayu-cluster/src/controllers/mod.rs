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
//! | [`definitions`] | CustomResourceDefinitions          | deletion of their objects before their own             |
//!
//! [`hollow`] plays nodes, for tests. Each keeps an index of what it must look at when something changes, so that a change costs what it touches. None polls.
mod binding;
mod breath;
mod definitions;
mod deployments;
mod endpoints;
mod feed;
mod garbage;
mod hash;
mod hollow;
mod key;
mod kinds;
mod kubernetes;
mod labels;
mod namespaces;
mod nodes;
mod pod;
mod timers;

use std::sync::Arc;

use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    registry::Registry,
    store::{Store, StoreError},
};
pub use kubernetes::publish;
pub use nodes::{NetworkError as PodNetworksError, PodNetworks};

/// Starts all controllers; they end when `shutdown` says so. The returned set owns their tasks.
pub fn start(
    store: &Store,
    registry: &Registry,
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
    spawn(Box::pin(definitions::run(store.clone())));
    let departures = Arc::new(Notify::new());
    spawn(Box::pin(garbage::run(store.clone(), registry.clone(), departures.clone())));
    spawn(Box::pin(namespaces::run(store.clone(), registry.clone(), root_certificate, departures)));
    tasks
}

/// Makes nodes and plays them until `shutdown` says so.
///
/// # Errors
/// When a node cannot be written.
pub fn play_nodes(store: &Store, names: &[&str], shutdown: &CancellationToken) -> Result<JoinSet<()>, StoreError> {
    let names: Vec<Box<str>> = names.iter().map(|name| Box::from(*name)).collect();
    hollow::create(store, &names)?;
    let playing = shutdown.clone().run_until_cancelled_owned(hollow::run(store.clone(), names));
    Ok(JoinSet::from_iter([async move {
        playing.await;
    }]))
}
