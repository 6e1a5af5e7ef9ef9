//! Saying that the device is alive: its status once and whenever it is doubted, its Lease every ten seconds.
use std::{net::IpAddr, time::Duration};

use dayu_core::{
    api::lean::Lean,
    connect::{WatchBackoff, refusal, unwatched},
    daemon::Plight,
    name::Device,
};
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

/// What keeps a device alive.
pub(crate) struct Heart<'a> {
    pub(crate) client: &'a Client,
    pub(crate) device: &'a Device,
    pub(crate) clock: Clock,
    pub(crate) plight: &'a Plight,
}

impl Heart<'_> {
    /// Keeps the device's Node alive until it is deleted; `first` is called once the cluster knows that it is.
    pub(crate) async fn beat(&self, address: IpAddr, logs_port: u16, first: impl FnOnce()) {
        let nodes: Api<Lean<Node>> = Api::all(self.client.clone());
        let leases: Api<Lease> = Api::namespaced(self.client.clone(), NAMESPACE);
        let only = watcher::Config::default().fields(&format!("metadata.name={}", self.device));
        let mut seen = watcher(nodes.clone(), only).backoff(WatchBackoff::default()).boxed();
        let mut beat = interval(PERIOD);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = false;
        let mut first = Some(first);
        loop {
            tokio::select! {
                _ = beat.tick() => {
                    self.renew(&leases).await;
                    if !told {
                        told = self.report(&nodes, address, logs_port).await;
                    }
                    if let (true, Some(first)) = (told, first.take_if(|_| told)) {
                        first();
                    }
                }
                Some(event) = seen.next() => match event {
                    Ok(watcher::Event::Apply(node)) if told && !object::is_ready(&node) => {
                        // Somebody took us for dead: the Lease first, or they would again.
                        self.renew(&leases).await;
                        told = self.report(&nodes, address, logs_port).await;
                    }
                    Ok(watcher::Event::Delete(_)) => return,
                    Err(error) => self.plight.grows("watch of the device's Node", &unwatched::<Node>(&error)),
                    Ok(_) => {}
                },
            }
        }
    }

    /// Writes the Node's status; says whether it was taken.
    async fn report(&self, nodes: &Api<Lean<Node>>, address: IpAddr, logs_port: u16) -> bool {
        let device = self.device;
        let status = json!({"status": object::status(device, address, logs_port, self.clock.now())});
        let written = nodes.patch_status(device.as_str(), &PatchParams::default(), &Patch::Merge(status)).await;
        written
            .inspect_err(|error| {
                let why = refusal("patch", "nodes/status", error);
                tracing::warn!(%device, why, "the node's status is not reported; trying again");
                self.plight.grows("status of the device", &why);
            })
            .is_ok()
    }

    async fn renew(&self, leases: &Api<Lease>) {
        let device = self.device;
        let spec = LeaseSpec {
            holder_identity: Some(device.to_string()),
            lease_duration_seconds: Some(VALID),
            renew_time: Some(MicroTime(self.clock.now())),
            ..LeaseSpec::default()
        };
        let patch = Patch::Merge(json!({"spec": &spec}));
        let renewed = match leases.patch(device.as_str(), &PatchParams::default(), &patch).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {
                let metadata = ObjectMeta { name: Some(device.to_string()), ..ObjectMeta::default() };
                let created = leases.create(&PostParams::default(), &Lease { metadata, spec: Some(spec) }).await;
                created.map_err(|error| ("create", error))
            }
            patched => patched.map_err(|error| ("patch", error)),
        };
        if let Err((verb, error)) = renewed {
            let why = refusal(verb, "leases.coordination.k8s.io", &error);
            tracing::warn!(%device, why, "the node's Lease is not renewed; after {VALID} s the device counts as dead");
            self.plight.grows("Lease of the device", &why);
        }
    }
}
