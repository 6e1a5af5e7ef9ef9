//! The device's own address, from its Node object.
use std::net::IpAddr;

use dayu_core::name::Device;
use futures::StreamExt;
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client,
    runtime::{WatchStreamExt, watcher},
};

/// Waits until the Node of `device` exists and tells its `InternalIP`; none if the watch ends, which it never does.
///
/// The local manager may register the node after the mesh was started, so absence is not an error.
pub(crate) async fn address(client: Client, device: &Device) -> Option<IpAddr> {
    let only = watcher::Config::default().fields(&format!("metadata.name={device}"));
    let mut nodes = watcher(Api::<Node>::all(client), only).default_backoff().touched_objects().boxed();
    while let Some(node) = nodes.next().await {
        match node {
            Ok(node) => {
                if let Some(address) = internal(&node) {
                    return Some(address);
                }
                tracing::info!(%device, "waiting for the node's InternalIP, which its kubelet or local manager reports");
            }
            Err(error) => tracing::warn!(%device, %error, "cannot watch the device's own node; trying again"),
        }
    }
    None
}

fn internal(node: &Node) -> Option<IpAddr> {
    let addresses = node.status.as_ref()?.addresses.as_ref()?;
    addresses.iter().filter(|address| address.type_ == "InternalIP").find_map(|address| address.address.parse().ok())
}
