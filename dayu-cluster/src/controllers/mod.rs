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
//! | [`events`]      | Events                             | nothing, an hour after they were told                  |
//!
//! [`hollow`] plays nodes, for tests. Each keeps an index of what it must look at when something changes, so that a change costs what it touches. None polls.
mod binding;
mod breath;
mod deployments;
mod endpoints;
mod events;
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
mod recovery;
mod timers;

use std::sync::Arc;

use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

use self::recovery::restarting;
use crate::{
    registry::Registry,
    store::{Store, StoreError},
};
pub(crate) use kubernetes::publish;
pub(crate) use nodes::{NetworkError as PodNetworksError, PodNetworks};

/// Starts all controllers; they end when `shutdown` says so. The returned set owns their tasks.
pub(crate) fn start(
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
    spawn(restarting(store, deployments::run));
    spawn(restarting(store, binding::run));
    spawn(restarting(store, endpoints::run));
    spawn(restarting(store, move |store| nodes::run(store, networks)));
    spawn(restarting(store, events::run));
    let departures = Arc::new(Notify::new());
    let (known, told) = (registry.clone(), departures.clone());
    spawn(restarting(store, move |store| garbage::run(store, known.clone(), told.clone())));
    let registry = registry.clone();
    spawn(restarting(store, move |store| {
        namespaces::run(store, registry.clone(), root_certificate.clone(), departures.clone())
    }));
    spawn(Box::pin(recovery::probe(store.clone())));
    tasks
}

/// Makes nodes and plays them until `shutdown` says so.
///
/// # Errors
/// When a node cannot be written.
pub(crate) fn play_nodes(
    store: &Store,
    names: &[&str],
    shutdown: &CancellationToken,
) -> Result<JoinSet<()>, StoreError> {
    let names: Vec<Box<str>> = names.iter().map(|name| Box::from(*name)).collect();
    hollow::create(store, &names)?;
    let playing = shutdown.clone().run_until_cancelled_owned(hollow::run(store.clone(), names));
    Ok(JoinSet::from_iter([async move {
        playing.await;
    }]))
}
