//! Asking a device to confirm the route of a resource, and taking that back.
use super::{
    activation::{ActivationDemand, Demand},
    children::known,
    key::Key,
    memory::Memory,
    reconcile::Context,
};
use crate::{
    name::{Device, Revision, Uid},
    template::{Acknowledgement, Observed, Template},
};

/// The route that a device was asked to confirm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) device: Device,
    pub(super) service: Uid,
    pub(super) pod: Uid,
    pub(super) revision: Revision,
}

impl Asked {
    /// As it is put to the device.
    pub(super) fn demand(self, key: &Key, resource: Uid) -> ActivationDemand {
        ActivationDemand {
            device: self.device,
            namespace: key.namespace().to_owned(),
            name: key.name().to_owned(),
            resource,
            service: self.service,
            pod: self.pod,
            revision: self.revision,
        }
    }
}

impl<T: Template> Context<T> {
    /// Asks the device to confirm the route once everything else stands, and again when another incarnation stands there.
    pub(super) async fn demand(&self, key: &Key, uid: &Uid, observed: &Observed, memory: &mut Memory) {
        let Some(due) = due(observed) else { return };
        let answered = observed.acknowledged.as_ref().is_some_and(|ack| answers(ack, uid, &due));
        if !answered && memory.asked.as_deref() != Some(&due) {
            memory.asked = Some(Box::new(due.clone()));
            self.world.demand(Demand::Confirm(due.demand(key, uid.clone()))).await;
        }
    }

    pub(super) async fn withdraw(&self, key: &Key, memory: &mut Memory) {
        if let (Some(asked), Some(uid)) = (memory.asked.take(), &memory.of) {
            self.world.demand(Demand::Withdraw(asked.demand(key, uid.clone()))).await;
        }
    }
}

/// The route that is to be confirmed: the Service stands, and exactly one ready endpoint whose pod runs on the device.
fn due(observed: &Observed) -> Option<Asked> {
    let activation = observed.plan.activation.as_ref().filter(|_| observed.failure.is_none())?;
    let service = observed.services.get(&activation.service)?;
    let [endpoint] = service.ready.as_slice() else { return None };
    if endpoint.device.as_ref() != Some(&activation.device) {
        return None;
    }
    Some(Asked {
        device: known(&observed.site.devices, activation.device.as_str()),
        service: service.service.as_ref()?.uid.clone(),
        pod: endpoint.pod.clone()?,
        revision: activation.revision,
    })
}

fn answers(ack: &Acknowledgement, resource: &Uid, asked: &Asked) -> bool {
    ack.resource == *resource
        && ack.service == asked.service
        && ack.pod == asked.pod
        && ack.revision == asked.revision
        && ack.device == asked.device
}
