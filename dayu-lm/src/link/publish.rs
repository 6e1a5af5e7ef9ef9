//! Telling the global manager which key is this device's: on a Lease that the API lets only this device write.
use dayu_core::{
    api::{NAMESPACE, annotation::LINK_KEY, lean::Lean},
    link::{Fingerprint, lease_of},
    name::Device,
};
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Node};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

/// Who we are to server-side apply.
const FIELD_MANAGER: &str = "dayu-lm";

/// Writes the Lease of `device`; it goes when the Node does.
pub(super) async fn publish(client: &Client, device: &Device, key: Fingerprint) -> kube::Result<()> {
    let node = Api::<Lean<Node>>::all(client.clone()).get_opt(device.as_str()).await?;
    let lease = json!({
        "apiVersion": Lease::api_version(&()),
        "kind": Lease::kind(&()),
        "metadata": {
            "name": lease_of(device),
            "annotations": {LINK_KEY: key.to_string()},
            "ownerReferences": node.as_ref().and_then(|node| owner(node)).into_iter().collect::<Vec<_>>(),
        },
        "spec": {"holderIdentity": device},
    });
    let leases = Api::<Lease>::namespaced(client.clone(), NAMESPACE);
    leases.patch(&lease_of(device), &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(lease)).await.map(drop)
}

fn owner(node: &Node) -> Option<Value> {
    let uid = node.uid()?;
    Some(json!({"apiVersion": Node::api_version(&()), "kind": Node::kind(&()), "name": node.name_any(), "uid": uid}))
}
