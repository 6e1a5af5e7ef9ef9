//! Following what the plane stores without asking its API: what plays a part in a measure should cost next to nothing.
use std::sync::Arc;

use dayu_cluster::store::{Change, Object, ResourceRef, Store, Watch};
use serde::Deserialize;

/// A collection being followed, from the start again where it fell behind.
pub(crate) struct Follower {
    store: Store,
    resource: ResourceRef,
    watch: Option<Watch>,
}

impl Follower {
    pub(crate) fn new(store: &Store, resource: ResourceRef) -> Self {
        Self { store: store.clone(), resource, watch: None }
    }

    /// Objects as they became; all of them to begin with.
    pub(crate) async fn next(&mut self) -> Vec<Arc<Object>> {
        loop {
            let Some(watch) = &mut self.watch else {
                let snapshot = self.store.list(&self.resource, None);
                self.watch = self.store.watch(&self.resource, snapshot.resource_version).ok();
                return snapshot.objects;
            };
            match watch.next().await {
                Ok(events) => {
                    let present = events.iter().filter(|event| event.change != Change::Deleted);
                    return present.map(|event| event.object.clone()).collect();
                }
                Err(_) => self.watch = None,
            }
        }
    }
}

/// Whether a pod is bound and nobody has started it.
pub(crate) fn is_waiting(pod: &Object) -> Result<bool, serde_json::Error> {
    #[derive(Deserialize)]
    struct Pod {
        spec: Spec,
        status: Status,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Spec {
        node_name: Option<String>,
    }
    #[derive(Deserialize)]
    struct Status {
        #[serde(rename = "podIP")]
        pod_ip: Option<String>,
    }
    let pod: Pod = pod.parse()?;
    Ok(pod.spec.node_name.is_some() && pod.status.pod_ip.is_none())
}
