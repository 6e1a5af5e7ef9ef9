//! One look at one resource.
use std::{collections::BTreeMap, sync::OnceLock};

use jiff::Timestamp;
use kube::{Client, Resource, ResourceExt, core::object::HasStatus};
use tokio::time::Instant;

use super::{
    World,
    answer::Refusal,
    apply,
    children::Children,
    events::Announcer,
    finalizer::Registered,
    guard::{Held, REFUSED},
    inventory::{Child, ChildKind, mark},
    key::Key,
    memory::{Basis, Memory},
    packed::{Packer, Unreadable},
    parked::Parked,
    removal,
    tell::untold,
    verdict::{Looked, Verdict},
    world::Epoch,
};
use crate::{
    name::{Device, Uid},
    template::{Failure, Observed, Plan, ServiceState, Site, Slot, Template, Worker, WorkerState},
};

/// What all looks share.
pub(super) struct Context<T: Template> {
    pub(super) template: T,
    pub(super) client: Client,
    pub(super) world: World,
    pub(super) announcer: Announcer,
    pub(super) local_manager: String,
    pub(super) clock: fn() -> Timestamp,
    /// What resources are held by, if anything.
    pub(super) finalizer: OnceLock<Registered<T::Resource>>,
    pub(super) resources: Packer,
    pub(super) statuses: Packer,
}

/// What came of a plan.
#[derive(Default)]
struct Came {
    plan: Plan,
    held: Held,
    /// Whether a child was written, all as planned.
    has_changed: bool,
    refusal: Option<Refusal>,
}

impl<T: Template> Context<T> {
    /// Looks at a resource that is there, at `now`.
    pub(super) async fn look(&self, key: &Key, parked: &Parked, memory: &mut Memory, now: Instant) -> Looked {
        let uid = &parked.uid;
        if memory.of.as_ref() != Some(uid) {
            self.gone(key, memory).await;
            memory.of = Some(uid.clone());
        }
        if parked.is_going {
            self.withdraw(key, memory).await;
            return self.part(key, parked, memory).await.into();
        }
        let resource = match read::<T>(parked, memory) {
            Ok(resource) => resource,
            // Nothing can be told of it where it would be read; others are not kept from their work.
            Err(error) => {
                tracing::warn!(kind = %T::Resource::kind(&()), resource = ?key, %error, "cannot be read; correct the object");
                return Verdict::Done.into();
            }
        };
        let (site, edition) = self.world.site(&self.local_manager);
        let basis = Basis { resource: parked.edition, site: edition };
        let planned = self.template.plan(&resource, &site);
        memory.refused = planned.as_ref().err().map(|rejection| rejection.reason);
        let (came, rejection) = match planned {
            Ok(plan) => match self.hold(key, &resource, parked, memory).await {
                Ok(()) => (self.carry_out(&resource, plan, basis, memory, now).await, None),
                Err(refusal) if refusal.is_passing() => return Verdict::from(refusal).into(),
                Err(refusal) => (Came { plan, refusal: Some(refusal), ..Came::default() }, None),
            },
            Err(rejection) => (Came::default(), Some(Failure::Rejected(rejection))),
        };
        let Came { plan, held, has_changed, refusal } = came;
        let devices = devices(&plan);
        if has_changed {
            // The watch tells of what was written and wakes the resource: a status of before would be out of date at once.
            return Looked { verdict: untold(memory).by(held.until), devices };
        }
        let failure = rejection.or_else(|| refusal.as_ref().map(Refusal::failure));
        let mut observed = self.observe(uid, plan, site, failure);
        observed.workers.values_mut().for_each(|worker| held.explain(worker));
        self.demand(key, uid, &observed, memory).await;
        let told = self.tell(key, &resource, &observed, memory, now).await;
        let untellable = || told.as_ref().err().filter(|refusal| !refusal.is_passing()).map(Refusal::failure);
        let failure = observed.failure.or_else(untellable);
        self.announcer.say(&resource, failure.as_ref(), &mut memory.said).await;
        let verdict = refusal.map_or(told, Err).unwrap_or_else(Verdict::from);
        Looked { verdict: verdict.by(held.until), devices }
    }

    /// Brings children to the plan, but for workers whose pods are refused again and again.
    async fn carry_out(
        &self,
        resource: &T::Resource,
        mut plan: Plan,
        basis: Basis,
        memory: &mut Memory,
        now: Instant,
    ) -> Came {
        let uid = Uid::from(resource.uid().unwrap_or_default());
        let known = self.world.children(&uid);
        let held = self.hold_back(resource, &known.0, &mut plan, memory, basis, now).await;
        let brought = match self.bring_about(resource, &plan, basis, &known, memory).await {
            Ok(false) => {
                let namespace = resource.namespace().unwrap_or_default();
                held.clear(&self.client, &namespace, &uid).await.map(|()| false)
            }
            brought => brought,
        };
        self.doubt(brought.is_err(), memory);
        Came { plan, held, has_changed: matches!(brought, Ok(true)), refusal: brought.err() }
    }

    /// Keeps workers whose pods are refused again and again from getting more of them for a while.
    async fn hold_back(
        &self,
        resource: &T::Resource,
        children: &Children,
        plan: &mut Plan,
        memory: &mut Memory,
        basis: Basis,
        now: Instant,
    ) -> Held {
        if memory.guard.is_none() && !children.have_refused() {
            return Held::default();
        }
        let names = plan.workers.iter().filter_map(|worker| worker.deployment.metadata.name.clone());
        let workers = names.map(|name| (name.clone(), children.worker(&name))).collect();
        let guard = memory.guard.get_or_insert_default();
        let held = guard.look(basis.resource.get(), &workers, (now, (self.clock)()));
        memory.guard.take_if(|guard| guard.is_over());
        if held.has_changed {
            memory.basis = None;
        }
        held.restrain(plan);
        for note in &held.news {
            self.announcer.warn(resource, REFUSED, note).await;
        }
        held
    }

    /// The incarnation that is remembered is gone, whether or not another took its name: nobody needs to confirm its route
    /// any more, and nothing of it holds for the next. Its children go by their owner reference.
    pub(super) async fn gone(&self, key: &Key, memory: &mut Memory) {
        self.withdraw(key, memory).await;
        if let Some(uid) = &memory.of {
            self.world.forget(uid);
        }
        *memory = Memory { devices: std::mem::take(&mut memory.devices), ..Memory::default() };
    }

    /// Applies what is planned and prunes what is not. Every child is tried; the first refusal is the one that is told.
    /// Says whether a child changed.
    async fn bring_about(
        &self,
        resource: &T::Resource,
        plan: &Plan,
        basis: Basis,
        (children, epoch): &(Children, Epoch),
        memory: &mut Memory,
    ) -> Result<bool, Refusal> {
        let (uid, epoch) = (resource.uid().unwrap_or_default(), *epoch);
        if memory.basis == Some(basis) && memory.applied.stands(children, epoch) {
            return Ok(false);
        }
        memory.basis = None;
        let planned = planned(resource, plan)?;
        let namespace = resource.namespace().unwrap_or_default();
        let mut first = Ok(false);
        for child in &planned {
            let ensured =
                apply::ensure(&mut memory.applied, &self.client, &namespace, child, (children, epoch), &uid).await;
            match (ensured, &mut first) {
                (Ok(changed), Ok(has_changed)) => *has_changed |= changed,
                (Err(refusal), Ok(_)) => first = Err(refusal),
                (_, Err(_)) => {}
            }
        }
        // What replaces a child must stand before the child goes.
        let has_changed = first?;
        for (kind, name) in removal::prune(&self.client, &namespace, &planned, children).await? {
            memory.applied.forget(kind, &name);
        }
        memory.basis = Some(basis);
        Ok(has_changed)
    }

    fn observe(&self, uid: &Uid, plan: Plan, site: Site, failure: Option<Failure>) -> Observed {
        let (children, _) = self.world.children(uid);
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
}

/// The resource, with the status that was told last.
pub(super) fn read<T: Template>(parked: &Parked, memory: &Memory) -> Result<T::Resource, Unreadable> {
    let mut resource: T::Resource = parked.read()?;
    *resource.status_mut() = match &memory.told {
        // One that somebody else wrote in another form is written anew.
        Some(told) => told.read().ok(),
        None => None,
    };
    Ok(resource)
}

fn planned<K: Resource<DynamicType = ()>>(resource: &K, plan: &Plan) -> Result<Vec<Child>, Refusal> {
    let deployments = plan.workers.iter().map(|worker| (ChildKind::Deployment, apply::json(&worker.deployment)));
    let services = plan.services.iter().map(|service| (ChildKind::Service, apply::json(service)));
    deployments
        .chain(services)
        .map(|(kind, object)| Ok(mark(resource, kind, object.map_err(|error| Refusal::unwritable("plan", &error))?)))
        .collect()
}

/// The devices that a plan names; none where there is no plan to say.
fn devices(plan: &Plan) -> Option<Vec<Device>> {
    let named = plan.workers.iter().filter_map(|worker| worker.slot.device.clone());
    (!plan.workers.is_empty()).then(|| named.collect())
}

fn workers(plan: &Plan, children: &Children) -> BTreeMap<Slot, WorkerState> {
    let name = |worker: &Worker| worker.deployment.metadata.name.clone().unwrap_or_default();
    plan.workers.iter().map(|worker| (worker.slot.clone(), children.worker(&name(worker)))).collect()
}

fn services(plan: &Plan, children: &Children) -> BTreeMap<String, ServiceState> {
    let names = plan.services.iter().filter_map(|service| service.metadata.name.clone());
    names.map(|name| (name.clone(), children.service(&name))).collect()
}
