//! What an earlier run left to go on with.
use dayu_core::api::{JointMultiEdgeService, RuntimeService, lean::Lean};
use kube::{Api, Client, Resource, api::ListParams};
use serde::{Serialize, de::DeserializeOwned};

/// Whether there is a resource of ours. One that cannot be read is as good as none: who applies next says why.
pub(super) async fn are_there(client: &Client) -> bool {
    any::<Lean<RuntimeService>>(client).await || any::<Lean<JointMultiEdgeService>>(client).await
}

async fn any<K>(client: &Client) -> bool
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + std::fmt::Debug,
{
    let first = ListParams::default().limit(1);
    Api::<K>::all(client.clone()).list(&first).await.is_ok_and(|found| !found.items.is_empty())
}
