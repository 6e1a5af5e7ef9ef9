//! Between engines and link: demands go down as messages, what devices say comes up as acknowledgements.
use dayu_core::{
    engine::{ActivationDemand, Demand, World},
    link::{ActivationAck, ActivationMetadata, ActivationRequest, Message, Operation},
};
use tokio::sync::mpsc;

use crate::link::{Hub, Upstream};

/// Passes both ways until either side ends.
pub(crate) async fn run(
    world: World,
    hub: Hub,
    mut demands: mpsc::Receiver<Demand>,
    mut upstream: mpsc::Receiver<Upstream>,
) {
    loop {
        tokio::select! {
            Some(demand) = demands.recv() => down(&hub, demand),
            Some(said) = upstream.recv() => up(&world, said),
            else => return,
        }
    }
}

fn down(hub: &Hub, demand: Demand) {
    let (demand, operation) = match demand {
        Demand::Confirm(demand) => (demand, Operation::Insert),
        Demand::Withdraw(demand) => (demand, Operation::Delete),
    };
    match message(&demand, operation) {
        Ok(message) => hub.send(&demand.device, message),
        Err(error) => tracing::warn!(name = demand.name, %error, "a demand that cannot be written"),
    }
}

fn up(world: &World, said: Upstream) {
    match said {
        Upstream::Connected(device) => world.connected(&device, true),
        Upstream::Disconnected(device) => world.connected(&device, false),
        Upstream::Said(device, message) if message.kind == "runtimeservice" => {
            match ActivationAck::read(&message, &device) {
                Ok(ack) => world.acknowledge(ack.acknowledgement()),
                Err(problem) => tracing::warn!(%device, problem, "an acknowledgement is refused"),
            }
        }
        // What workers report about other kinds has no reader yet; the device has kept it for itself.
        Upstream::Said(device, message) => {
            tracing::debug!(%device, kind = message.kind, name = message.name, "reported");
        }
    }
}

fn message(demand: &ActivationDemand, operation: Operation) -> Result<Message, serde_json::Error> {
    let request = ActivationRequest {
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
    };
    request.message(operation)
}
