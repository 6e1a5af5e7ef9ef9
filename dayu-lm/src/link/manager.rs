//! Where the global manager listens: told by the operator, or by the Lease that it holds.
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, Client, ResourceExt,
    runtime::{WatchStreamExt, watcher},
};

/// The Lease that the global manager holds, and its annotation with the address.
const NAMESPACE: &str = "dayu-system";
const LEASE: &str = "dayu-gm";
const ADDRESS: &str = "dayu.io/link-address";

/// Addresses as they become known, newest last.
pub(super) fn addresses(client: Client, told: Option<String>) -> BoxStream<'static, String> {
    if let Some(address) = told {
        return futures::stream::iter([address]).chain(futures::stream::pending()).boxed();
    }
    let leases = Api::<Lease>::namespaced(client, NAMESPACE);
    watcher(leases, watcher::Config::default().fields(&format!("metadata.name={LEASE}")))
        .default_backoff()
        .applied_objects()
        .inspect_err(|error| tracing::debug!(%error, "cannot watch the global manager's Lease yet"))
        .filter_map(async |lease| lease.ok()?.annotations().get(ADDRESS).cloned())
        .boxed()
}
