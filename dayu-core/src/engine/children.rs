//! Children as records, by the resource they belong to: what status and pruning need, and no more.
use std::collections::BTreeMap;

use kube::ResourceExt;

use super::{
    inventory::{APPLIED, WORKER},
    view,
};
use crate::{
    name::{Device, Uid},
    template::{DeviceState, EndpointState, ObjectRef, PodState, ServiceState, WorkerState},
};

/// The label that ties a slice to its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

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
    pub(super) terminating: bool,
    pub(super) rolled_out: bool,
    /// Why a Deployment has no pods.
    pub(super) trouble: Option<Box<(String, String)>>,
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
    trouble: Option<Box<(String, String)>>,
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

    /// `uid` in the copy that is kept here already, if it is.
    pub(super) fn shared(&self, uid: Uid) -> Uid {
        let services = self.services.iter().map(|service| &service.uid);
        services.chain(self.pods.iter().map(|pod| &pod.uid)).find(|known| **known == uid).cloned().unwrap_or(uid)
    }
}

impl Record {
    fn of(object: &impl ResourceExt, uid: Uid, rolled_out: bool) -> Self {
        Self {
            name: object.name_any().into(),
            uid,
            applied: object.annotations().get(APPLIED).and_then(|hash| u64::from_str_radix(hash, 16).ok()),
            revision: Revision::of(object),
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

/// What children keep of a kind.
trait Named: PartialEq {
    fn name(&self) -> &str;
    fn uid(&self) -> &Uid;
}

macro_rules! named {
    ($($record:ident),*) => {$(
        impl Named for $record {
            fn name(&self) -> &str {
                &self.name
            }

            fn uid(&self) -> &Uid {
                &self.uid
            }
        }
    )*};
}
named!(Record, PodRecord, SliceRecord);

fn found<'a, R: Named>(records: &'a [R], name: &str) -> Option<&'a R> {
    records.iter().find(|record| record.name() == name)
}

/// Inserts, and whether that made a difference.
fn put<R: Named>(records: &mut Vec<R>, record: R) -> bool {
    match records.iter_mut().find(|known| known.name() == record.name()) {
        Some(known) if *known == record => return false,
        Some(known) => *known = record,
        None => {
            records.reserve_exact(1);
            records.push(record);
        }
    }
    true
}

/// Removes this incarnation, and whether it was there.
fn remove<R: Named>(records: &mut Vec<R>, uid: &Uid) -> bool {
    let before = records.len();
    records.retain(|record| record.uid() != uid);
    records.len() < before
}

/// The devices that the world knows.
pub(super) type Devices = BTreeMap<Device, DeviceState>;

/// The device of this name, in the copy that is kept already, if it is.
pub(super) fn known(devices: &Devices, name: &str) -> Device {
    devices.get_key_value(name).map_or_else(|| Device::from(name), |(device, _)| device.clone())
}

/// A kind of child that children keep records of. Both say whether anything changed that somebody reads.
pub(super) trait Kept: kube::Resource<DynamicType = ()> {
    /// Whether the engine writes it, or only reads what others make of what it writes.
    const IS_WRITTEN: bool = false;

    /// Under `uid`, its own, in the copy that is kept already, as `devices` are.
    fn set(&self, uid: Uid, devices: &Devices, children: &mut Children) -> bool;
    fn unset(uid: &Uid, children: &mut Children) -> bool;
}

impl Kept for view::Deployment {
    const IS_WRITTEN: bool = true;

    fn set(&self, uid: Uid, _devices: &Devices, children: &mut Children) -> bool {
        let (wished, status) = (self.spec.replicas.unwrap_or(1), &self.status);
        let counts = [status.replicas, status.updated_replicas, status.ready_replicas, status.available_replicas];
        let rolled_out = status.observed_generation >= self.metadata.generation.unwrap_or_default()
            && counts.iter().all(|count| *count == wished)
            && status.unavailable_replicas == 0;
        let trouble = self.trouble().map(Box::new);
        put(&mut children.deployments, Record { trouble, ..Record::of(self, uid, rolled_out) })
    }

    fn unset(uid: &Uid, children: &mut Children) -> bool {
        remove(&mut children.deployments, uid)
    }
}

impl Kept for view::Service {
    const IS_WRITTEN: bool = true;

    fn set(&self, uid: Uid, _devices: &Devices, children: &mut Children) -> bool {
        put(&mut children.services, Record::of(self, uid, true))
    }

    fn unset(uid: &Uid, children: &mut Children) -> bool {
        remove(&mut children.services, uid)
    }
}

impl Kept for view::Pod {
    fn set(&self, uid: Uid, devices: &Devices, children: &mut Children) -> bool {
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

    fn unset(uid: &Uid, children: &mut Children) -> bool {
        remove(&mut children.pods, uid)
    }
}

impl Kept for view::EndpointSlice {
    fn set(&self, uid: Uid, devices: &Devices, children: &mut Children) -> bool {
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

    fn unset(uid: &Uid, children: &mut Children) -> bool {
        remove(&mut children.slices, uid)
    }
}

impl view::Deployment {
    /// What keeps its pods from being made: a quota, a service account that is not there.
    fn trouble(&self) -> Option<(String, String)> {
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
        status.phase == "Running" && condition && containers
    }

    /// The first container that says why it is not ready, else the pod itself, else why it is not bound.
    fn trouble(&self) -> Option<(String, String)> {
        let containers = self.status.container_statuses.iter().filter(|container| !container.ready);
        let of_container = containers.filter_map(|container| {
            let why = container.state.waiting.as_ref().or(container.state.terminated.as_ref())?;
            let message = why.message.clone().unwrap_or_default();
            Some((why.reason.clone()?, format!("container {}: {message}", container.name)))
        });
        let of_pod = self.status.reason.clone().map(|reason| (reason, self.status.message.clone().unwrap_or_default()));
        let unbound = self.status.conditions.iter().find(|c| c.kind == "PodScheduled" && c.status == "False");
        of_container.into_iter().next().or(of_pod).or(unbound.and_then(view::Condition::told))
    }
}

impl view::Condition {
    /// Reason and message, where there is a reason.
    fn told(&self) -> Option<(String, String)> {
        Some((self.reason.clone()?, self.message.clone().unwrap_or_default()))
    }
}
