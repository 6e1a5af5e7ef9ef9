//! Between engines and link: demands go down as messages, what devices say comes up as acknowledgements.
use dayu_core::{
    engine::{ActivationDemand, Demand, World},
    link::{ActivationAck, ActivationMetadata, ActivationRequest, Operation},
};
use tokio::sync::mpsc;

use crate::link::{Hub, Outstanding, Upstream};

/// Passes both ways until either side ends.
pub(crate) async fn run(
    world: World,
    hub: Hub,
    mut demands: mpsc::Receiver<Demand>,
    mut upstream: mpsc::Receiver<Upstream>,
) {
    let mut outstanding = Outstanding::default();
    loop {
        tokio::select! {
            Some(demand) = demands.recv() => down(&hub, &mut outstanding, demand),
            Some(said) = upstream.recv() => up(&world, &hub, &mut outstanding, said),
            else => return,
        }
    }
}

fn down(hub: &Hub, outstanding: &mut Outstanding, demand: Demand) {
    match demand {
        Demand::Confirm(demand) => {
            let request = request(&demand);
            send(hub, &request, Operation::Insert);
            outstanding.ask(request);
        }
        Demand::Withdraw(demand) => {
            let request = request(&demand);
            outstanding.withdraw(&request);
            send(hub, &request, Operation::Delete);
        }
    }
}

fn up(world: &World, hub: &Hub, outstanding: &mut Outstanding, said: Upstream) {
    match said {
        Upstream::Connected(device) => {
            // It may have been restarted and know nothing of what it was asked.
            outstanding.of(&device).for_each(|request| send(hub, request, Operation::Insert));
            world.connected(&device, true);
        }
        Upstream::Disconnected(device) => world.connected(&device, false),
        Upstream::Said(device, message) if message.kind == "runtimeservice" => {
            match ActivationAck::read(&message, &device) {
                Ok(ack) => {
                    outstanding.answered(&message.namespace, &ack);
                    world.acknowledge(ack.acknowledgement());
                }
                Err(problem) => tracing::warn!(%device, problem, "an acknowledgement is refused"),
            }
        }
        // What workers report about other kinds has no reader yet; the device has kept it for itself.
        Upstream::Said(device, message) => {
            tracing::debug!(%device, kind = message.kind, name = message.name, "reported");
        }
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
