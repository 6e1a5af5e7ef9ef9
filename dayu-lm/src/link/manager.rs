//! Where the global manager listens and which key it shows there: what the Lease says that it holds. An operator may say
//! another address; the key is still the Lease's.
use std::sync::Arc;

use dayu_core::{
    api::{
        NAMESPACE,
        annotation::{LINK_ADDRESS, LINK_KEY},
    },
    connect::{WatchBackoff, unwatched},
    daemon::Plight,
    link::{Fingerprint, MANAGER_LEASE},
};
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, Client, ResourceExt,
    runtime::{WatchStreamExt, watcher},
};

/// Whom to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manager {
    /// `host:port`.
    pub(super) address: String,
    /// None where the link is not encrypted, as that of Sedna's is not.
    pub(super) key: Option<Fingerprint>,
}

/// Managers as they become known, newest last. `told` is the address that the operator says.
pub(super) fn managers(
    client: Client,
    told: Option<String>,
    plain: bool,
    plight: Arc<Plight>,
) -> BoxStream<'static, Manager> {
    match told {
        Some(address) if plain => {
            let manager = Manager { address, key: None };
            futures::stream::iter([manager]).chain(futures::stream::pending()).boxed()
        }
        told => leases(client, plight)
            .filter_map(move |lease| std::future::ready(manager(&lease, told.as_ref(), plain)))
            .boxed(),
    }
}

fn leases(client: Client, plight: Arc<Plight>) -> impl futures::Stream<Item = Lease> + Send {
    let leases = Api::<Lease>::namespaced(client, NAMESPACE);
    watcher(leases, watcher::Config::default().fields(&format!("metadata.name={MANAGER_LEASE}")))
        .backoff(WatchBackoff::default())
        .applied_objects()
        .inspect_err(move |error| {
            let why = unwatched::<Lease>(error);
            tracing::debug!(why, "cannot watch the global manager's Lease yet");
            plight.grows("watch of the global manager's Lease", &why);
        })
        .filter_map(async |lease| lease.ok())
}

fn manager(lease: &Lease, told: Option<&String>, plain: bool) -> Option<Manager> {
    let said = lease.annotations();
    let address = told.or_else(|| said.get(LINK_ADDRESS))?.clone();
    if plain {
        return Some(Manager { address, key: None });
    }
    let key = said.get(LINK_KEY).map(|key| key.parse());
    match key {
        Some(Ok(key)) => Some(Manager { address, key: Some(key) }),
        _ => {
            tracing::warn!(
                %address,
                "the Lease {NAMESPACE}/{MANAGER_LEASE} names no key for the link, as that of an older global manager; \
                 update it, or say --link-plain where it is Sedna's"
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lease(annotations: serde_json::Value) -> Lease {
        serde_json::from_value(json!({"metadata": {"name": MANAGER_LEASE, "annotations": annotations}})).unwrap()
    }

    #[test]
    fn without_a_key_nobody_is_connected_to_unless_the_operator_says_so() {
        let key = Fingerprint::of(b"x");
        let ours = lease(json!({LINK_ADDRESS: "gm:9000", LINK_KEY: key.to_string()}));
        let keyless = lease(json!({LINK_ADDRESS: "gm:9000"}));
        let garbled = lease(json!({LINK_ADDRESS: "gm:9000", LINK_KEY: "none"}));
        let (at_gm, told) = ("gm:9000".to_owned(), "other:1".to_owned());
        assert_eq!(manager(&ours, None, false), Some(Manager { address: at_gm.clone(), key: Some(key) }));
        assert_eq!(manager(&ours, Some(&told), false), Some(Manager { address: told, key: Some(key) }));
        assert_eq!(manager(&keyless, None, false), None);
        assert_eq!(manager(&garbled, None, false), None);
        assert_eq!(manager(&keyless, None, true), Some(Manager { address: at_gm, key: None }));
    }
}
