//! Saying that the device is alive: its status once and whenever it is doubted, its Lease every ten seconds.
use std::{net::IpAddr, time::Duration};

use dayu_core::{api::lean::Lean, connect::told, name::Device};
use futures::StreamExt;
use k8s_openapi::{
    api::{
        coordination::v1::{Lease, LeaseSpec},
        core::v1::Node,
    },
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use super::object;
use crate::clock::Clock;

/// From one renewal to the next, as kubelets do.
const PERIOD: Duration = Duration::from_secs(10);
/// After so long without one the device is taken for dead.
const VALID: i32 = 40;
/// Where the Leases of nodes are.
const NAMESPACE: &str = "kube-node-lease";

/// Keeps the Node of `device` alive until it is deleted; `first` is called once the cluster knows that it is.
pub(crate) async fn keep_alive(
    client: &Client,
    device: &Device,
    address: IpAddr,
    logs_port: u16,
    clock: Clock,
    first: impl FnOnce(),
) {
    let nodes: Api<Lean<Node>> = Api::all(client.clone());
    let leases: Api<Lease> = Api::namespaced(client.clone(), NAMESPACE);
    let only = watcher::Config::default().fields(&format!("metadata.name={device}"));
    let mut seen = watcher(nodes.clone(), only).default_backoff().boxed();
    let mut beat = interval(PERIOD);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = false;
    let mut first = Some(first);
    loop {
        tokio::select! {
            _ = beat.tick() => {
                renew(&leases, device, clock).await;
                if !told {
                    told = report(&nodes, device, address, logs_port, clock).await;
                }
                if let (true, Some(first)) = (told, first.take_if(|_| told)) {
                    first();
                }
            }
            Some(event) = seen.next() => match event {
                Ok(watcher::Event::Apply(node)) if told && !object::is_ready(&node) => {
                    // Somebody took us for dead: the Lease first, or they would again.
                    renew(&leases, device, clock).await;
                    told = report(&nodes, device, address, logs_port, clock).await;
                }
                Ok(watcher::Event::Delete(_)) => return,
                _ => {}
            },
        }
    }
}

/// Writes the Node's status; says whether it was taken.
async fn report(nodes: &Api<Lean<Node>>, device: &Device, address: IpAddr, logs_port: u16, clock: Clock) -> bool {
    let status = json!({"status": object::status(device, address, logs_port, clock.now())});
    let written = nodes.patch_status(device.as_str(), &PatchParams::default(), &Patch::Merge(status)).await;
    written
        .inspect_err(
            |error| tracing::warn!(%device, error = told(error), "the node's status is not reported; trying again"),
        )
        .is_ok()
}

async fn renew(leases: &Api<Lease>, device: &Device, clock: Clock) {
    let spec = LeaseSpec {
        holder_identity: Some(device.to_string()),
        lease_duration_seconds: Some(VALID),
        renew_time: Some(MicroTime(clock.now())),
        ..LeaseSpec::default()
    };
    let patched = leases.patch(device.as_str(), &PatchParams::default(), &Patch::Merge(json!({"spec": &spec}))).await;
    let renewed = match patched {
        Err(kube::Error::Api(status)) if status.code == 404 => {
            let metadata = ObjectMeta { name: Some(device.to_string()), ..ObjectMeta::default() };
            leases.create(&PostParams::default(), &Lease { metadata, spec: Some(spec) }).await
        }
        other => other,
    };
    if let Err(error) = renewed {
        tracing::warn!(%device, error = told(&error), "the node's Lease is not renewed; after {VALID} s the device counts as dead");
    }
}
