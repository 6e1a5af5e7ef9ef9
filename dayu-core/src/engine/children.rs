//! Children as records, by the resource they belong to: what status and pruning need, and no more.
use std::collections::BTreeMap;

use kube::ResourceExt;

use super::{
    inventory::{APPLIED, WORKER},
    view,
};
use crate::{
    name::{Device, Uid},
    template::{DeviceState, EndpointState, ObjectRef, PodState, ServiceState, Trouble, WorkerState},
};

/// The label that ties a slice to its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// The phase of a pod that is over. A Deployment's pods begin again whatever their containers do: such a one was refused by its
/// device, or thrown out.
pub(super) const FAILED: &str = "Failed";
/// The phase of a pod that its device has taken in.
pub(super) const RUNNING: &str = "Running";

/// All children of one resource. Lists, because most resources have one of each, and an ordered map makes room for eleven.
#[derive(Clone, Debug, Default)]
pub(super) struct Children {
    pub(super) deployments: Vec<Record>,
    pub(super) services: Vec<Record>,
    pods: Vec<PodRecord>,
    slices: Vec<SliceRecord>,
}

/// A Deployment or a Service.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    pub(super) name: Box<str>,
    pub(super) uid: Uid,
    /// Hash of what was applied, as the object itself says.
    pub(super) applied: Option<u64>,
    pub(super) revision: Revision,
    /// Somebody else had a hand in what it asks for.
    pub(super) touched: bool,
    pub(super) terminating: bool,
    pub(super) rolled_out: bool,
    /// Why a Deployment has no pods.
    pub(super) trouble: Option<Box<Trouble>>,
}

/// Rises when anybody changes what an object asks for: its generation, or its version where it has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Revision(pub(super) u64);

#[derive(Clone, Debug, PartialEq)]
struct PodRecord {
    name: Box<str>,
    uid: Uid,
    worker: Box<str>,
    device: Option<Device>,
    ready: bool,
    phase: Box<str>,
    trouble: Option<Box<Trouble>>,
}

#[derive(Clone, Debug, PartialEq)]
struct SliceRecord {
    name: Box<str>,
    uid: Uid,
    service: Box<str>,
    ready: Box<[EndpointState]>,
    not_ready: i32,
}

impl Children {
    pub(super) fn is_empty(&self) -> bool {
        self.deployments.is_empty() && self.services.is_empty() && self.pods.is_empty() && self.slices.is_empty()
    }

    /// What is known of the worker that this Deployment runs.
    pub(super) fn worker(&self, deployment: &str) -> WorkerState {
        let record = found(&self.deployments, deployment).filter(|record| !record.terminating);
        let pods = self.pods.iter().filter(|pod| &*pod.worker == deployment);
        WorkerState {
            deployment: record.map(Record::reference),
            rolled_out: record.is_some_and(|record| record.rolled_out),
            trouble: record.and_then(|record| record.trouble.as_deref().cloned()),
            pods: pods.map(PodRecord::state).collect(),
        }
    }

    /// What is known of a Service.
    pub(super) fn service(&self, name: &str) -> ServiceState {
        let slices = || self.slices.iter().filter(|slice| &*slice.service == name);
        ServiceState {
            service: found(&self.services, name).filter(|record| !record.terminating).map(Record::reference),
            ready: slices().flat_map(|slice| slice.ready.to_vec()).collect(),
            not_ready: slices().map(|slice| slice.not_ready).sum(),
        }
    }

    /// Whether a pod was refused by its device, or thrown out.
    pub(super) fn have_refused(&self) -> bool {
        self.pods.iter().any(|pod| &*pod.phase == FAILED)
    }

    /// Whether there is a child of this UID.
    pub(super) fn has(&self, uid: &Uid) -> bool {
        self.uids().any(|known| known == uid)
    }

    /// `uid` in the copy that is kept here already, if it is.
    pub(super) fn shared(&self, uid: Uid) -> Uid {
        self.uids().find(|known| **known == uid).cloned().unwrap_or(uid)
    }

    fn uids(&self) -> impl Iterator<Item = &Uid> {
        let written = self.services.iter().chain(&self.deployments).map(|record| &record.uid);
        let others = self.pods.iter().map(|pod| &pod.uid).chain(self.slices.iter().map(|slice| &slice.uid));
        written.chain(others)
    }
}

impl Record {
    fn of(object: &impl ResourceExt, uid: Uid, rolled_out: bool) -> Self {
        Self {
            name: object.name_any().into(),
            uid,
            applied: object.annotations().get(APPLIED).and_then(|hash| u64::from_str_radix(hash, 16).ok()),
            revision: Revision::of(object),
            touched: object.meta().managed_fields.is_some(),
            terminating: object.meta().deletion_timestamp.is_some(),
            rolled_out,
            trouble: None,
        }
    }

    fn reference(&self) -> ObjectRef {
        ObjectRef { name: self.name.to_string(), uid: self.uid.clone() }
    }
}

impl Revision {
    pub(super) fn of(object: &impl ResourceExt) -> Self {
        let generation = object.meta().generation.and_then(|generation| u64::try_from(generation).ok());
        Self(generation.or_else(|| object.resource_version()?.parse().ok()).unwrap_or_default())
    }
}

impl PodRecord {
    /// Neither there yet nor in trouble.
    fn is_coming(&self) -> bool {
        !self.ready && self.trouble.is_none() && matches!(&*self.phase, "" | "Pending" | RUNNING)
    }

    fn state(&self) -> PodState {
        PodState {
            pod: ObjectRef { name: self.name.to_string(), uid: self.uid.clone() },
            device: self.device.clone(),
            ready: self.ready,
            phase: self.phase.to_string(),
            trouble: self.trouble.as_deref().cloned(),
        }
    }
}

/// What an event was worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing that anybody reads.
    None,
    /// Something is on its way, as was to be expected: there is nothing to be done about it, and soon more to tell.
    Minor,
    Major,
}

/// What children keep of a kind.
trait Named: PartialEq {
    fn name(&self) -> &str;
    fn uid(&self) -> &Uid;
    /// Whether this, after what was known `before`, only shows that something is on its way.
    fn is_minor(&self, before: Option<&Self>) -> bool;
}

macro_rules! named {
    ($($record:ident: $is_minor:expr;)*) => {$(
        impl Named for $record {
            fn name(&self) -> &str {
                &self.name
            }

            fn uid(&self) -> &Uid {
                &self.uid
            }

            fn is_minor(&self, before: Option<&Self>) -> bool {
                let is_minor: fn(&Self, Option<&Self>) -> bool = $is_minor;
                is_minor(self, before)
            }
        }
    )*};
}
named! {
    // What was written comes to be; any change of it later has to be looked at.
    Record: |record, before| before.is_none() && !record.terminating && record.trouble.is_none();
    PodRecord: |pod, before| pod.is_coming() && before.is_none_or(PodRecord::is_coming);
    SliceRecord: |slice, before| slice.ready.is_empty() && before.is_none_or(|before| before.ready.is_empty());
}

fn found<'a, R: Named>(records: &'a [R], name: &str) -> Option<&'a R> {
    records.iter().find(|record| record.name() == name)
}

/// Inserts, and what that was worth.
fn put<R: Named>(records: &mut Vec<R>, record: R) -> News {
    let known = records.iter_mut().find(|known| known.name() == record.name());
    let news = match &known {
        Some(known) if **known == record => return News::None,
        known if record.is_minor(known.as_deref()) => News::Minor,
        _ => News::Major,
    };
    match known {
        Some(known) => *known = record,
        None => {
            records.reserve_exact(1);
            records.push(record);
        }
    }
    news
}

/// Removes this incarnation, and what that was worth.
fn remove<R: Named>(records: &mut Vec<R>, uid: &Uid) -> News {
    let before = records.len();
    records.retain(|record| record.uid() != uid);
    if records.len() < before { News::Major } else { News::None }
}

/// The devices that the world knows.
pub(super) type Devices = BTreeMap<Device, DeviceState>;

/// The device of this name, in the copy that is kept already, if it is.
pub(super) fn known(devices: &Devices, name: &str) -> Device {
    devices.get_key_value(name).map_or_else(|| Device::from(name), |(device, _)| device.clone())
}

/// A kind of child that children keep records of. Both say what the change was worth.
pub(super) trait Kept: kube::Resource<DynamicType = ()> {
    /// Whether the engine writes it, or only reads what others make of what it writes.
    const IS_WRITTEN: bool = false;

    /// Under `uid`, its own, in the copy that is kept already, as `devices` are.
    fn set(&self, uid: Uid, devices: &Devices, children: &mut Children) -> News;
    fn unset(uid: &Uid, children: &mut Children) -> News;

    /// Those of this kind.
    fn uids(children: &Children) -> Vec<Uid>;
}

impl Kept for view::Deployment {
    const IS_WRITTEN: bool = true;

    fn set(&self, uid: Uid, _devices: &Devices, children: &mut Children) -> News {
        let trouble = self.trouble().map(Box::new);
        put(&mut children.deployments, Record { trouble, ..Record::of(self, uid, self.is_rolled_out()) })
    }

    fn unset(uid: &Uid, children: &mut Children) -> News {
        remove(&mut children.deployments, uid)
    }

    fn uids(children: &Children) -> Vec<Uid> {
        children.deployments.iter().map(|record| record.uid.clone()).collect()
    }
}

impl Kept for view::Service {
    const IS_WRITTEN: bool = true;

    fn set(&self, uid: Uid, _devices: &Devices, children: &mut Children) -> News {
        put(&mut children.services, Record::of(self, uid, true))
    }

    fn unset(uid: &Uid, children: &mut Children) -> News {
        remove(&mut children.services, uid)
    }

    fn uids(children: &Children) -> Vec<Uid> {
        children.services.iter().map(|record| record.uid.clone()).collect()
    }
}

impl Kept for view::Pod {
    fn set(&self, uid: Uid, devices: &Devices, children: &mut Children) -> News {
        if self.metadata.deletion_timestamp.is_some() {
            return Self::unset(&uid, children);
        }
        let record = PodRecord {
            name: self.name_any().into(),
            uid,
            worker: self.labels().get(WORKER).map(|worker| worker.as_str().into()).unwrap_or_default(),
            device: self.spec.node_name.as_deref().map(|name| known(devices, name)),
            ready: self.is_ready(),
            phase: self.status.phase.as_str().into(),
            trouble: self.trouble().map(Box::new),
        };
        put(&mut children.pods, record)
    }

    fn unset(uid: &Uid, children: &mut Children) -> News {
        remove(&mut children.pods, uid)
    }

    fn uids(children: &Children) -> Vec<Uid> {
        children.pods.iter().map(|record| record.uid.clone()).collect()
    }
}

impl Kept for view::EndpointSlice {
    fn set(&self, uid: Uid, devices: &Devices, children: &mut Children) -> News {
        let is_ready = |endpoint: &&view::Endpoint| endpoint.conditions.ready.unwrap_or(true);
        let state = |endpoint: &view::Endpoint| EndpointState {
            pod: endpoint.target_ref.as_ref().and_then(|target| Some(children.shared(target.uid.as_deref()?.into()))),
            device: endpoint.node_name.as_deref().map(|name| known(devices, name)),
        };
        let ready: Box<[_]> = self.endpoints.iter().filter(is_ready).map(state).collect();
        let record = SliceRecord {
            name: self.name_any().into(),
            uid,
            service: self.labels().get(SERVICE_NAME).map(|service| service.as_str().into()).unwrap_or_default(),
            not_ready: i32::try_from(self.endpoints.len() - ready.len()).unwrap_or(i32::MAX),
            ready,
        };
        put(&mut children.slices, record)
    }

    fn unset(uid: &Uid, children: &mut Children) -> News {
        remove(&mut children.slices, uid)
    }

    fn uids(children: &Children) -> Vec<Uid> {
        children.slices.iter().map(|record| record.uid.clone()).collect()
    }
}

impl view::Deployment {
    /// Whether no pod of an earlier generation is left. How ready the others are they say themselves, and sooner than their
    /// controllers count them.
    fn is_rolled_out(&self) -> bool {
        let (status, generation) = (&self.status, self.metadata.generation.unwrap_or_default());
        let counted = status.observed_generation >= generation && status.replicas == status.updated_replicas;
        generation == 1 || counted
    }

    /// What keeps its pods from being made: a quota, a service account that is not there.
    fn trouble(&self) -> Option<Trouble> {
        self.status.conditions.iter().find(|c| c.kind == "ReplicaFailure" && c.status == "True")?.told()
    }
}

impl view::Pod {
    fn is_ready(&self) -> bool {
        let status = &self.status;
        let condition =
            status.conditions.iter().any(|condition| condition.kind == "Ready" && condition.status == "True");
        let containers = status.container_statuses.len() == self.spec.containers.len()
            && status.container_statuses.iter().all(|container| container.ready);
        status.phase == RUNNING && condition && containers
    }

    /// The first container that says why it is not ready, else the pod itself, else why it is not bound, else what the probe of
    /// one that runs meets.
    fn trouble(&self) -> Option<Trouble> {
        let containers = self.status.container_statuses.iter().filter(|container| !container.ready);
        let of_container = containers.filter_map(|container| {
            let why = container.state.waiting.as_ref().or(container.state.terminated.as_ref())?;
            let message = why.message.clone().unwrap_or_default();
            Some(Trouble::new(why.reason.clone()?, format!("container {}: {message}", container.name)))
        });
        let of_pod = self.status.reason.as_ref();
        let of_pod = of_pod.map(|reason| Trouble::new(reason, self.status.message.clone().unwrap_or_default()));
        let unbound = self.status.conditions.iter().find(|c| c.kind == "PodScheduled" && c.status == "False");
        let told = of_container.into_iter().next().or(of_pod).or(unbound.and_then(view::Condition::told));
        told.or_else(|| self.refusal())
    }

    /// Why a pod that runs is not ready. A kubelet names the containers, whose probes a worker that just comes up fails as
    /// well; a local manager also says, once that takes long, which probe was answered with what.
    fn refusal(&self) -> Option<Trouble> {
        let is_unready = |c: &&view::Condition| c.kind == "Ready" && c.status == "False";
        let Trouble { reason, message } = self.status.conditions.iter().find(is_unready)?.told()?;
        let (_, why) = message.split_once("]; ").filter(|_| self.status.phase == RUNNING)?;
        Some(Trouble::new(reason, why))
    }
}

impl view::Condition {
    /// Reason and message, where there is a reason.
    fn told(&self) -> Option<Trouble> {
        Some(Trouble { reason: self.reason.clone()?, message: self.message.clone().unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rollout_is_over_when_no_earlier_pod_is_counted_or_there_never_was_one() {
        let rolled_out = |generation: i64, observed: i64, replicas: i32, updated: i32| {
            let status = json!({"observedGeneration": observed, "replicas": replicas, "updatedReplicas": updated});
            let deployment = json!({"metadata": {"generation": generation}, "status": status});
            serde_json::from_value::<view::Deployment>(deployment).unwrap().is_rolled_out()
        };
        assert!(rolled_out(1, 0, 0, 0), "the first");
        assert!(!rolled_out(2, 1, 1, 1), "not seen yet");
        assert!(!rolled_out(2, 2, 1, 0) && !rolled_out(2, 2, 2, 1), "earlier pods are left");
        assert!(rolled_out(2, 2, 1, 1));
    }

    #[test]
    fn a_pod_that_runs_tells_what_its_probe_meets_once_somebody_knows() {
        let trouble = |phase: &str, message: &str| {
            let ready = json!({"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": message});
            let status = json!({"phase": phase, "conditions": [ready], "containerStatuses": [
                {"name": "c", "ready": false, "state": {"running": {}}},
            ]});
            serde_json::from_value::<view::Pod>(json!({"metadata": {}, "status": status})).unwrap().trouble()
        };
        assert_eq!(trouble("Running", "containers with unready status: [c]"), None, "it comes up");
        let known =
            "containers with unready status: [c]; c runs, but its readiness probe fails: 127.64.1.2:9000: refused";
        let Trouble { reason, message: why } = trouble("Running", known).unwrap();
        assert_eq!(
            (&*reason, why.starts_with("c runs, but its readiness probe fails: ")),
            ("ContainersNotReady", true)
        );
        assert_eq!(trouble("Pending", known), None);
    }
}
