//! The device as a Node of the cluster.
//!
//! A Node belongs to whoever registered it. Where nobody has, the local manager does, waits for the Node's pod network,
//! reports its first host as the device's address, and renews the Node's Lease. Where a kubelet did, nothing is touched.
mod capacity;
mod heartbeat;
mod object;

use std::{net::IpAddr, time::Duration};

use dayu_core::{
    api::lean::Lean,
    connect::{WatchBackoff, refusal, unwatched},
    daemon::Plight,
    name::Device,
};
use futures::StreamExt;
use k8s_openapi::api::core::v1::{Node, ObjectReference};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::PostParams,
    runtime::{WatchStreamExt, watcher},
};

pub(crate) use self::heartbeat::Heart;

/// First and longest wait between two attempts to register.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What the cluster says of this device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The Node is ours, and these are its pods' addresses.
    Ours {
        /// The network.
        pod_cidr: String,
    },
    /// A kubelet looks after it.
    Theirs {
        /// The device's address, as the kubelet reports it.
        address: IpAddr,
    },
}

/// The device as events name it: with its name for a UID, by which `kubectl describe node` finds what is said of it.
pub(crate) fn reference(device: &Device) -> ObjectReference {
    ObjectReference {
        api_version: Some(Node::api_version(&()).into()),
        kind: Some(Node::kind(&()).into()),
        name: Some(device.to_string()),
        uid: Some(device.to_string()),
        ..ObjectReference::default()
    }
}

/// Registers the device where nobody has, and waits until it is known what that makes of us. None if the watch ends, which
/// it never does.
pub(crate) async fn register(
    client: &Client,
    device: &Device,
    role: Option<&str>,
    plight: &Plight,
) -> Option<Standing> {
    let nodes: Api<Lean<Node>> = Api::all(client.clone());
    let only = watcher::Config::default().fields(&format!("metadata.name={device}"));
    let mut events = watcher(nodes.clone(), only).backoff(WatchBackoff::default()).boxed();
    let mut seen = false;
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(node) | watcher::Event::InitApply(node)) => {
                seen = true;
                if let Some(standing) = standing(&node) {
                    return Some(standing);
                }
                tracing::info!(%device, "waiting for the node's podCIDR, or for its kubelet to report an InternalIP");
            }
            Ok(watcher::Event::InitDone) if !seen => create(&nodes, device, role, plight).await,
            Ok(watcher::Event::Delete(_)) => create(&nodes, device, role, plight).await,
            Ok(_) => {}
            Err(error) => {
                let why = unwatched::<Node>(&error);
                tracing::warn!(%device, why, "the API does not tell of our node yet; trying again");
                plight.grows("watch of the device's Node", &why);
            }
        }
    }
    None
}

/// Tries until the Node is there, whoever made it: nothing else would ask for it again.
async fn create(nodes: &Api<Lean<Node>>, device: &Device, role: Option<&str>, plight: &Plight) {
    let mut wait = FIRST_WAIT;
    loop {
        match nodes.create(&PostParams::default(), &object::node(device, role).into()).await {
            Ok(_) => return tracing::info!(%device, "registered as a node"),
            // The watch tells who was faster.
            Err(kube::Error::Api(status)) if status.code == 409 => return,
            Err(error) => {
                let why = refusal("create", "nodes", &error);
                tracing::warn!(%device, why, "cannot register the node; trying again");
                plight.grows("registration of the device", &why);
            }
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

fn standing(node: &Node) -> Option<Standing> {
    if object::is_ours(node) {
        let pod_cidr = node.spec.as_ref()?.pod_cidr.clone()?;
        return Some(Standing::Ours { pod_cidr });
    }
    let addresses = node.status.as_ref()?.addresses.as_ref()?;
    let internal = addresses.iter().filter(|address| address.type_ == "InternalIP");
    let address = internal.filter_map(|address| address.address.parse().ok()).next()?;
    tracing::info!(node = node.name_any(), "a kubelet looks after this node: its pods are only observed");
    Some(Standing::Theirs { address })
}
