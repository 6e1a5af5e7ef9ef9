//! Between engines and link: demands go down as messages, what devices say comes up as acknowledgements.
use std::sync::Arc;

use dayu_core::{
    engine::{ActivationDemand, Demand, World},
    link::{ActivationAck, ActivationMetadata, ActivationRequest, Operation},
};
use tokio::{sync::mpsc, time::Instant};

use crate::{
    link::{Hub, Outstanding, Upstream},
    metrics::Metrics,
};

/// Passes both ways until either side ends.
pub(crate) async fn run(
    world: World,
    hub: Hub,
    metrics: Arc<Metrics>,
    mut demands: mpsc::Receiver<Demand>,
    mut upstream: mpsc::Receiver<Upstream>,
) {
    let mut relay = Relay { world, hub, metrics, outstanding: Outstanding::default(), origin: Instant::now() };
    loop {
        tokio::select! {
            Some(demand) = demands.recv() => relay.down(demand),
            Some(said) = upstream.recv() => relay.up(said),
            else => return,
        }
    }
}

struct Relay {
    world: World,
    hub: Hub,
    metrics: Arc<Metrics>,
    outstanding: Outstanding,
    origin: Instant,
}

impl Relay {
    fn down(&mut self, demand: Demand) {
        match demand {
            Demand::Confirm(demand) => {
                let request = request(&demand);
                send(&self.hub, &request, Operation::Insert);
                self.outstanding.ask(request, self.origin.elapsed());
                self.metrics.asked();
            }
            Demand::Withdraw(demand) => {
                let request = request(&demand);
                self.outstanding.withdraw(&request);
                send(&self.hub, &request, Operation::Delete);
            }
        }
    }

    fn up(&mut self, said: Upstream) {
        match said {
            Upstream::Connected(device) => {
                // It may have been restarted and know nothing of what it was asked.
                self.outstanding.of(&device).for_each(|request| send(&self.hub, request, Operation::Insert));
                self.world.connected(&device);
            }
            Upstream::Disconnected(device) => self.world.disconnected(&device),
            Upstream::Said(device, message) if message.kind == "runtimeservice" => {
                match ActivationAck::read(&message, &device) {
                    Ok(ack) => self.acknowledged(&message.namespace, &ack),
                    Err(problem) => tracing::warn!(%device, %problem, "an acknowledgement is refused"),
                }
            }
            // What workers report about other kinds has no reader yet; the device has kept it for itself.
            Upstream::Said(device, message) => {
                tracing::debug!(%device, kind = message.kind, name = message.name, "reported");
            }
        }
    }

    fn acknowledged(&mut self, namespace: &str, ack: &ActivationAck) {
        if let Some(asked) = self.outstanding.answered(namespace, ack) {
            self.metrics.acknowledged(self.origin.elapsed().saturating_sub(asked));
        }
        self.world.acknowledge(ack.acknowledgement());
    }
}

fn send(hub: &Hub, request: &ActivationRequest, operation: Operation) {
    match request.message(operation) {
        Ok(message) => hub.send(&request.target_node, message),
        Err(error) => tracing::warn!(name = request.runtime_id, %error, "a request that cannot be written"),
    }
}

fn request(demand: &ActivationDemand) -> ActivationRequest {
    ActivationRequest {
        kind: "RuntimeService".to_owned(),
        api_version: "sedna.io/v1alpha1".to_owned(),
        metadata: ActivationMetadata {
            name: demand.name.clone(),
            namespace: demand.namespace.clone(),
            creation_timestamp: None,
        },
        runtime_service_uid: demand.resource.clone(),
        service_uid: demand.service.clone(),
        endpoint_pod_uid: demand.pod.clone(),
        deployment_revision: demand.revision,
        runtime_id: demand.name.clone(),
        target_node: demand.device.clone(),
    }
}
