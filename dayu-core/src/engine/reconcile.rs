//! One look at one resource.
use std::time::Duration;

use jiff::Timestamp;
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{Patch, PatchParams},
    core::object::HasStatus,
};
use serde::Serialize;
use tokio::time::Instant;

use super::{
    STATUS_MANAGER, World,
    activation::Demand,
    answer,
    apply::{self, Refusal},
    children::{Children, known},
    events::Announcer,
    guard::{Held, REFUSED},
    inventory::{Child, ChildKind, mark},
    key::Key,
    memory::{Asked, Basis, Echo, Memory, Version},
    packed::{Packer, Unreadable},
    parked::{Parked, Seen},
    world::Epoch,
};
use crate::{
    connect::{refusal, right_on},
    name::{Device, Uid},
    template::{Acknowledgement, Failure, Observed, Plan, Site, Template},
};

/// How long a status that only tells of something on its way waits for the next: short for who watches it come, long for
/// what usually follows.
const PROGRESS: Duration = Duration::from_millis(250);

/// What all looks share.
pub(super) struct Context<T> {
    pub(super) template: T,
    pub(super) client: Client,
    pub(super) world: World,
    pub(super) announcer: Announcer,
    pub(super) local_manager: String,
    pub(super) clock: fn() -> Timestamp,
    pub(super) resources: Packer,
    pub(super) statuses: Packer,
}

/// How a look ended.
pub(super) enum Verdict {
    Done,
    /// There is something to tell that may wait until then for what comes next.
    Until(Instant),
    /// Somebody was faster, or an object is still going: look again soon. A CamelCase reason, and a sentence.
    Retry {
        reason: String,
        why: String,
    },
}

/// What a look gives besides what it leaves in memory.
pub(super) struct Looked {
    pub(super) verdict: Verdict,
    /// The devices that the plan names; none when there is no plan to say.
    pub(super) devices: Option<Vec<Device>>,
}

impl Verdict {
    /// The same, but looked at again `at` the latest.
    fn by(self, at: Option<Instant>) -> Self {
        match (self, at) {
            (Self::Done, Some(at)) => Self::Until(at),
            (Self::Until(until), Some(at)) => Self::Until(until.min(at)),
            (verdict, _) => verdict,
        }
    }
}

impl From<Verdict> for Looked {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, devices: None }
    }
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
            return Verdict::Done.into();
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
        let plan = self.template.plan(&resource, &site);
        memory.refused = plan.as_ref().err().map(|rejection| rejection.reason);
        let (mut refusal, mut has_changed) = (None, false);
        let mut held = Held::default();
        let (plan, failure) = match plan {
            Ok(mut plan) => {
                let known = self.world.children(uid);
                held = self.hold_back(&resource, &known.0, &mut plan, memory, basis, now).await;
                let brought = match self.bring_about(&resource, &plan, basis, &known, memory).await {
                    Ok(false) => held.clear(&self.client, key.namespace(), uid).await.map(|()| false),
                    brought => brought,
                };
                match brought {
                    Ok(changed) => has_changed = changed,
                    Err(why) => refusal = Some(why),
                }
                let failure =
                    refusal.as_ref().map(|r| Failure::Refused { child: r.child.clone(), message: r.message.clone() });
                (plan, failure)
            }
            Err(rejection) => (Plan::default(), Some(Failure::Rejected(rejection))),
        };
        let devices = (!plan.workers.is_empty())
            .then(|| plan.workers.iter().filter_map(|worker| worker.slot.device.clone()).collect());
        if has_changed {
            // The watch tells of what was written and wakes the resource: a status of before would be out of date at once.
            let verdict = memory.untold.map_or(Verdict::Done, |since| Verdict::Until(since + PROGRESS));
            return Looked { verdict: verdict.by(held.until), devices };
        }
        let mut observed = self.observe(uid, plan, site, failure);
        observed.workers.values_mut().for_each(|worker| held.explain(worker));
        self.demand(key, uid, &observed, memory).await;
        let told = self.tell(key, &resource, &observed, memory, now).await;
        let failure = match (&observed.failure, &told) {
            // What is going is not worth an event.
            (None, Err(refusal)) if !matches!(&*refusal.reason, "NotFound" | "Conflict") => {
                Some(Failure::Refused { child: refusal.child.clone(), message: refusal.message.clone() })
            }
            (failure, _) => failure.clone(),
        };
        self.announcer.say(&resource, failure.as_ref(), &mut memory.said).await;
        let verdict = match refusal.map_or(told, Err) {
            Ok(verdict) => verdict,
            Err(refusal) => {
                let why = format!("{}: {}", refusal.child, refusal.message);
                Verdict::Retry { reason: refusal.reason, why }
            }
        };
        Looked { verdict: verdict.by(held.until), devices }
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
        let held = guard.look(basis.resource, &workers, (now, (self.clock)()));
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
        for (kind, name) in apply::prune(&self.client, &namespace, &planned, children).await? {
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

    /// Asks the device to confirm the route once everything else stands, and again when another incarnation stands there.
    async fn demand(&self, key: &Key, uid: &Uid, observed: &Observed, memory: &mut Memory) {
        let Some(due) = due(observed) else { return };
        let answered = observed.acknowledged.as_ref().is_some_and(|ack| answers(ack, uid, &due));
        if !answered && memory.asked.as_deref() != Some(&due) {
            memory.asked = Some(Box::new(due.clone()));
            self.world.demand(Demand::Confirm(due.demand(key, uid.clone()))).await;
        }
    }

    async fn withdraw(&self, key: &Key, memory: &mut Memory) {
        if let (Some(asked), Some(uid)) = (memory.asked.take(), &memory.of) {
            self.world.demand(Demand::Withdraw(asked.demand(key, uid.clone()))).await;
        }
    }

    /// Derives the status and writes it if it differs from the one that was told last. One that only tells of something on
    /// its way may wait a moment for the next.
    async fn tell(
        &self,
        key: &Key,
        resource: &T::Resource,
        observed: &Observed,
        memory: &mut Memory,
        now: Instant,
    ) -> Result<Verdict, Refusal> {
        // Derived from what was told last, so that transition times do not depend on how fast the watch is.
        let status = self.template.status(resource, observed);
        if resource.status() != Some(&status) {
            let text = serde_json::to_vec(&status).map_err(|error| unwritable("status", &error))?;
            memory.told = Some(self.statuses.pack(&text));
            memory.untold.get_or_insert(now);
        }
        let Some(since) = memory.untold else { return Ok(Verdict::Done) };
        let is_on_its_way = observed.failure.is_none()
            && self.template.is_on_its_way(&status)
            && resource.status().is_none_or(|before| self.template.is_on_its_way(before));
        if is_on_its_way && now < since + PROGRESS {
            return Ok(Verdict::Until(since + PROGRESS));
        }
        let patch = StatusPatch {
            api_version: &T::Resource::api_version(&()),
            kind: &T::Resource::kind(&()),
            metadata: Incarnation { name: key.name(), uid: resource.uid() },
            status: &status,
        };
        let api = Api::<Seen<T::Resource>>::namespaced(self.client.clone(), key.namespace());
        let params = PatchParams::apply(STATUS_MANAGER).force();
        match api.patch_status(key.name(), &params, &Patch::Apply(&patch)).await {
            Ok(written) => {
                memory.untold = None;
                memory.echo = Version::of(&written).map(|version| Box::new(Echo { version, answered: Instant::now() }));
                Ok(Verdict::Done)
            }
            // Where it is gone, or another of the same name, the watch says so; else this means nothing but "again".
            Err(error) => {
                let resource = format!("{}/status", right_on::<T::Resource>());
                let (reason, message) = (answer::reason(&error), refusal("patch", &resource, &error));
                Err(Refusal { child: "status".to_owned(), reason, message })
            }
        }
    }
}

/// What a status is applied with: to this incarnation or not at all.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusPatch<'a, S> {
    api_version: &'a str,
    kind: &'a str,
    metadata: Incarnation<'a>,
    status: &'a S,
}

#[derive(Debug, Serialize)]
struct Incarnation<'a> {
    name: &'a str,
    uid: Option<String>,
}

/// The resource, with the status that was told last.
fn read<T: Template>(parked: &Parked, memory: &Memory) -> Result<T::Resource, Unreadable> {
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
        .map(|(kind, object)| Ok(mark(resource, kind, object.map_err(|error| unwritable("plan", &error))?)))
        .collect()
}

fn unwritable(what: &str, error: &serde_json::Error) -> Refusal {
    let message = format!("cannot be written as JSON: {error}");
    Refusal { child: what.to_owned(), reason: "Unwritable".to_owned(), message }
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
