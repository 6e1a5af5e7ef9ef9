//! One look at one resource.
use std::sync::Arc;

use jiff::Timestamp;
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{Patch, PatchParams},
    core::object::HasStatus,
};
use serde_json::json;
use tokio::time::Instant;

use super::{
    STATUS_MANAGER, World,
    activation::{ActivationDemand, Demand},
    apply::{self, Applied, Refusal},
    children::Children,
    events::{Announcer, Said},
    inventory::{Child, ChildKind, mark},
};
use crate::{
    name::{Device, Uid},
    template::{Acknowledgement, Failure, Observed, Plan, Site, Template},
};

/// What all looks share.
pub(super) struct Context<T> {
    pub(super) template: T,
    pub(super) client: Client,
    pub(super) world: World,
    pub(super) announcer: Announcer,
    pub(super) local_manager: String,
    pub(super) clock: fn() -> Timestamp,
}

/// What one look leaves for the next.
pub(super) struct Memory<S> {
    /// The incarnation that all this is about; none before the first look and after the last.
    of: Option<Uid>,
    applied: Applied,
    said: Said,
    /// The status that was written last; the watch may not have brought it back yet.
    status: Option<S>,
    demanded: Option<ActivationDemand>,
    /// The revision of the resource that the server answered the last status with, and when; none once the watch has told of it.
    pub(super) echo: Option<(String, Instant)>,
    /// Devices that the plan names, and why the resource was refused, if it was: what wakes it.
    pub(super) devices: Vec<Device>,
    pub(super) refused: Option<&'static str>,
    /// The devices that wake it so far.
    pub(super) indexed: Vec<Device>,
}

/// How a look ended.
pub(super) enum Verdict {
    Done,
    /// Somebody was faster, or an object is still going: look again soon. A CamelCase reason, and a sentence.
    Retry {
        reason: String,
        why: String,
    },
}

impl<S> Memory<S> {
    /// Whether nothing has to be taken back any more.
    pub(super) fn is_over(&self) -> bool {
        self.of.is_none()
    }
}

impl<S> Default for Memory<S> {
    fn default() -> Self {
        Self {
            of: None,
            applied: Applied::default(),
            said: Said::default(),
            status: None,
            demanded: None,
            echo: None,
            devices: Vec::new(),
            refused: None,
            indexed: Vec::new(),
        }
    }
}

impl<T: Template> Context<T> {
    /// Looks at a resource that is there.
    pub(super) async fn look(&self, resource: &Arc<T::Resource>, memory: &mut Memory<T::Status>) -> Verdict {
        let uid = Uid::from(resource.uid().unwrap_or_default());
        if memory.of.as_ref() != Some(&uid) {
            self.gone(memory).await;
            memory.of = Some(uid.clone());
        }
        if resource.meta().deletion_timestamp.is_some() {
            self.withdraw(memory).await;
            return Verdict::Done;
        }
        let site = self.world.site(&self.local_manager);
        let plan = self.template.plan(resource, &site);
        memory.refused = plan.as_ref().err().map(|rejection| rejection.reason);
        let (mut refusal, mut has_changed) = (None, false);
        let (plan, failure) = match plan {
            Ok(plan) => {
                match self.bring_about(resource, &plan, &uid, memory).await {
                    Ok(changed) => has_changed = changed,
                    Err(why) => refusal = Some(why),
                }
                let failure =
                    refusal.as_ref().map(|r| Failure::Refused { child: r.child.clone(), message: r.message.clone() });
                (plan, failure)
            }
            Err(rejection) => (Plan::default(), Some(Failure::Rejected(rejection))),
        };
        if !plan.workers.is_empty() {
            memory.devices = plan.workers.iter().filter_map(|worker| worker.slot.device.clone()).collect();
        }
        self.announcer.say(&**resource, failure.as_ref(), &mut memory.said).await;
        if has_changed {
            // The watch tells of what was written and wakes the resource: a status of before would be out of date at once.
            return Verdict::Done;
        }
        let observed = self.observe(&uid, plan, site, failure);
        self.demand(resource, &observed, memory).await;
        let written = self.write_status(resource, &observed, memory).await;
        match (refusal, written) {
            (Some(refusal), _) => {
                let why = format!("{}: {}", refusal.child, refusal.message);
                Verdict::Retry { reason: refusal.reason, why }
            }
            (None, Err(error)) => Verdict::Retry { reason: apply::reason(&error), why: format!("status: {error}") },
            (None, Ok(())) => Verdict::Done,
        }
    }

    /// The incarnation that is remembered is gone, whether or not another took its name: nobody needs to confirm its route
    /// any more, and nothing of it holds for the next. Its children go by their owner reference.
    pub(super) async fn gone(&self, memory: &mut Memory<T::Status>) {
        self.withdraw(memory).await;
        if let Some(uid) = &memory.of {
            self.world.forget(uid);
        }
        *memory = Memory { indexed: std::mem::take(&mut memory.indexed), ..Memory::default() };
    }

    /// Applies what is planned and prunes what is not. Every child is tried; the first refusal is the one that is told.
    /// Says whether a child changed.
    async fn bring_about(
        &self,
        resource: &T::Resource,
        plan: &Plan,
        uid: &Uid,
        memory: &mut Memory<T::Status>,
    ) -> Result<bool, Refusal> {
        let children = self.world.children(uid);
        let planned = planned(resource, plan)?;
        let namespace = resource.namespace().unwrap_or_default();
        let mut first = Ok(false);
        for child in &planned {
            let ensured = memory.applied.ensure(&self.client, &namespace, child, &children, uid.as_str()).await;
            match (ensured, &mut first) {
                (Ok(changed), Ok(has_changed)) => *has_changed |= changed,
                (Err(refusal), Ok(_)) => first = Err(refusal),
                (_, Err(_)) => {}
            }
        }
        // What replaces a child must stand before the child goes.
        let has_changed = first?;
        for (kind, name) in apply::prune(&self.client, &namespace, &planned, &children).await? {
            memory.applied.forget(kind, &name);
        }
        Ok(has_changed)
    }

    fn observe(&self, uid: &Uid, plan: Plan, site: Site, failure: Option<Failure>) -> Observed {
        let children = self.world.children(uid);
        let connected = plan.activation.as_ref().is_some_and(|activation| self.world.is_connected(&activation.device));
        Observed {
            now: (self.clock)(),
            failure,
            workers: workers(&plan, &children),
            services: services(&plan, &children),
            site,
            acknowledged: self.world.acknowledgement(uid),
            device_connected: connected,
            plan,
        }
    }

    /// Asks the device to confirm the route once everything else stands, and again when another incarnation stands there.
    async fn demand(&self, resource: &T::Resource, observed: &Observed, memory: &mut Memory<T::Status>) {
        let Some(demand) = due(resource, observed) else { return };
        let answered = observed.acknowledged.as_ref().is_some_and(|ack| answers(ack, &demand));
        if !answered && memory.demanded.as_ref() != Some(&demand) {
            memory.demanded = Some(demand.clone());
            self.world.demand(Demand::Confirm(demand)).await;
        }
    }

    async fn withdraw(&self, memory: &mut Memory<T::Status>) {
        if let Some(demanded) = memory.demanded.take() {
            self.world.demand(Demand::Withdraw(demanded)).await;
        }
    }

    /// Writes the status if it differs from the one that was written or seen last.
    async fn write_status(
        &self,
        resource: &Arc<T::Resource>,
        observed: &Observed,
        memory: &mut Memory<T::Status>,
    ) -> Result<(), kube::Error> {
        // Derived from what was written last, so that transition times do not depend on how fast the watch is.
        let told = with_status(resource, memory.status.as_ref());
        let status = self.template.status(&told, observed);
        if told.status() == Some(&status) {
            return Ok(());
        }
        let patch = json!({
            "apiVersion": T::Resource::api_version(&()),
            "kind": T::Resource::kind(&()),
            "metadata": {"name": resource.name_any(), "uid": resource.uid()},
            "status": status,
        });
        let api = Api::<T::Resource>::namespaced(self.client.clone(), &resource.namespace().unwrap_or_default());
        let params = PatchParams::apply(STATUS_MANAGER).force();
        match api.patch_status(&resource.name_any(), &params, &Patch::Apply(&patch)).await {
            Ok(written) => {
                memory.echo = written.resource_version().map(|revision| (revision, Instant::now()));
                memory.status = Some(status);
                Ok(())
            }
            // Gone, or another of the same name: the watch will say so.
            Err(kube::Error::Api(answer)) if answer.code == 404 || answer.code == 409 => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The resource as if it held `status`, when there is one that it does not hold.
fn with_status<K: HasStatus<Status: Clone + PartialEq> + Clone>(
    resource: &Arc<K>,
    status: Option<&K::Status>,
) -> Arc<K> {
    let mut resource = resource.clone();
    if status.is_some() && resource.status() != status {
        *Arc::make_mut(&mut resource).status_mut() = status.cloned();
    }
    resource
}

fn planned<K: Resource<DynamicType = ()>>(resource: &K, plan: &Plan) -> Result<Vec<Child>, Refusal> {
    let unwritable = |error: serde_json::Error| Refusal {
        child: "plan".to_owned(),
        reason: "Unwritable".to_owned(),
        message: format!("cannot be written as JSON: {error}"),
    };
    let deployments = plan.workers.iter().map(|worker| (ChildKind::Deployment, apply::json(&worker.deployment)));
    let services = plan.services.iter().map(|service| (ChildKind::Service, apply::json(service)));
    deployments.chain(services).map(|(kind, object)| Ok(mark(resource, kind, object.map_err(unwritable)?))).collect()
}

fn workers(
    plan: &Plan,
    children: &Children,
) -> std::collections::BTreeMap<crate::template::Slot, crate::template::WorkerState> {
    let name = |worker: &crate::template::Worker| worker.deployment.metadata.name.clone().unwrap_or_default();
    plan.workers.iter().map(|worker| (worker.slot.clone(), children.worker(&name(worker)))).collect()
}

fn services(plan: &Plan, children: &Children) -> std::collections::BTreeMap<String, crate::template::ServiceState> {
    let names = plan.services.iter().filter_map(|service| service.metadata.name.clone());
    names.map(|name| (name.clone(), children.service(&name))).collect()
}

/// The demand that is due: the Service stands, and exactly one ready endpoint whose pod runs on the device.
fn due<K: Resource<DynamicType = ()>>(resource: &K, observed: &Observed) -> Option<ActivationDemand> {
    let activation = observed.plan.activation.as_ref().filter(|_| observed.failure.is_none())?;
    let service = observed.services.get(&activation.service)?;
    let [endpoint] = service.ready.as_slice() else { return None };
    if endpoint.device.as_ref() != Some(&activation.device) {
        return None;
    }
    Some(ActivationDemand {
        device: activation.device.clone(),
        namespace: resource.namespace().unwrap_or_default(),
        name: resource.name_any(),
        resource: Uid::from(resource.uid().unwrap_or_default()),
        service: service.service.as_ref()?.uid.clone(),
        pod: endpoint.pod.clone()?,
        revision: activation.revision,
    })
}

fn answers(ack: &Acknowledgement, demand: &ActivationDemand) -> bool {
    ack.resource == demand.resource
        && ack.service == demand.service
        && ack.pod == demand.pod
        && ack.revision == demand.revision
        && ack.device == demand.device
}
