//! Children as records, by the resource they belong to: what status and pruning need, and no more.
use std::collections::BTreeMap;

use kube::ResourceExt;

use super::{
    inventory::{APPLIED, WORKER},
    view,
};
use crate::{
    name::{Device, Uid},
    template::{EndpointState, ObjectRef, PodState, ServiceState, WorkerState},
};

/// The label that ties a slice to its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// All children of one resource, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Children {
    pub(super) deployments: BTreeMap<String, Record>,
    pub(super) services: BTreeMap<String, Record>,
    pods: BTreeMap<String, PodRecord>,
    slices: BTreeMap<String, SliceRecord>,
}

/// A Deployment or a Service.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    pub(super) object: ObjectRef,
    /// Hash of what was applied, as the object itself says.
    pub(super) applied: String,
    /// Rises when anybody changes what it asks for: the generation, or the version where there is none.
    pub(super) revision: String,
    pub(super) terminating: bool,
    rolled_out: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct PodRecord {
    worker: String,
    state: PodState,
}

#[derive(Clone, Debug, PartialEq)]
struct SliceRecord {
    service: String,
    ready: Vec<EndpointState>,
    not_ready: i32,
}

impl Children {
    pub(super) fn is_empty(&self) -> bool {
        self.deployments.is_empty() && self.services.is_empty() && self.pods.is_empty() && self.slices.is_empty()
    }

    /// What is known of the worker that this Deployment runs.
    pub(super) fn worker(&self, deployment: &str) -> WorkerState {
        let record = self.deployments.get(deployment).filter(|record| !record.terminating);
        let pods = self.pods.values().filter(|pod| pod.worker == deployment);
        WorkerState {
            deployment: record.map(|record| record.object.clone()),
            rolled_out: record.is_some_and(|record| record.rolled_out),
            pods: pods.map(|pod| pod.state.clone()).collect(),
        }
    }

    /// What is known of a Service.
    pub(super) fn service(&self, name: &str) -> ServiceState {
        let slices = || self.slices.values().filter(|slice| slice.service == name);
        ServiceState {
            service: self.services.get(name).filter(|record| !record.terminating).map(|record| record.object.clone()),
            ready: slices().flat_map(|slice| slice.ready.clone()).collect(),
            not_ready: slices().map(|slice| slice.not_ready).sum(),
        }
    }
}

/// A kind of child that children keep records of. `set` says whether anything changed that somebody reads.
pub(super) trait Kept: kube::Resource<DynamicType = ()> {
    fn set(&self, children: &mut Children) -> bool;
    fn unset(name: &str, children: &mut Children) -> bool;
}

/// Inserts, and whether that made a difference.
fn put<V: PartialEq>(map: &mut BTreeMap<String, V>, name: String, value: V) -> bool {
    if map.get(&name) == Some(&value) {
        return false;
    }
    map.insert(name, value);
    true
}

fn reference(object: &impl ResourceExt) -> ObjectRef {
    ObjectRef { name: object.name_any(), uid: Uid::from(object.uid().unwrap_or_default()) }
}

fn record(object: &impl ResourceExt, rolled_out: bool) -> Record {
    let meta = object.meta();
    let generation = meta.generation.map(|generation| generation.to_string());
    Record {
        object: reference(object),
        applied: object.annotations().get(APPLIED).cloned().unwrap_or_default(),
        revision: generation.or_else(|| meta.resource_version.clone()).unwrap_or_default(),
        terminating: meta.deletion_timestamp.is_some(),
        rolled_out,
    }
}

impl Kept for view::Deployment {
    fn set(&self, children: &mut Children) -> bool {
        let (wished, status) = (self.spec.replicas.unwrap_or(1), &self.status);
        let counts = [status.replicas, status.updated_replicas, status.ready_replicas, status.available_replicas];
        let rolled_out = status.observed_generation >= self.metadata.generation.unwrap_or_default()
            && counts.iter().all(|count| *count == wished)
            && status.unavailable_replicas == 0;
        put(&mut children.deployments, self.name_any(), record(self, rolled_out))
    }

    fn unset(name: &str, children: &mut Children) -> bool {
        children.deployments.remove(name).is_some()
    }
}

impl Kept for view::Service {
    fn set(&self, children: &mut Children) -> bool {
        put(&mut children.services, self.name_any(), record(self, true))
    }

    fn unset(name: &str, children: &mut Children) -> bool {
        children.services.remove(name).is_some()
    }
}

impl Kept for view::Pod {
    fn set(&self, children: &mut Children) -> bool {
        if self.metadata.deletion_timestamp.is_some() {
            return Self::unset(&self.name_any(), children);
        }
        let worker = self.labels().get(WORKER).cloned().unwrap_or_default();
        let state = PodState {
            pod: reference(self),
            device: self.spec.node_name.as_deref().map(Device::from),
            ready: self.is_ready(),
            phase: self.status.phase.clone(),
            trouble: self.trouble(),
        };
        put(&mut children.pods, self.name_any(), PodRecord { worker, state })
    }

    fn unset(name: &str, children: &mut Children) -> bool {
        children.pods.remove(name).is_some()
    }
}

impl Kept for view::EndpointSlice {
    fn set(&self, children: &mut Children) -> bool {
        let is_ready = |endpoint: &&view::Endpoint| endpoint.conditions.ready.unwrap_or(true);
        let ready = self.endpoints.iter().filter(is_ready).map(|endpoint| EndpointState {
            pod: endpoint.target_ref.as_ref().and_then(|target| target.uid.as_deref()).map(Uid::from),
            device: endpoint.node_name.as_deref().map(Device::from),
        });
        let ready: Vec<EndpointState> = ready.collect();
        let not_ready = i32::try_from(self.endpoints.len() - ready.len()).unwrap_or(i32::MAX);
        let service = self.labels().get(SERVICE_NAME).cloned().unwrap_or_default();
        put(&mut children.slices, self.name_any(), SliceRecord { service, ready, not_ready })
    }

    fn unset(name: &str, children: &mut Children) -> bool {
        children.slices.remove(name).is_some()
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
        let unbound = unbound.and_then(|c| Some((c.reason.clone()?, c.message.clone().unwrap_or_default())));
        of_container.into_iter().next().or(of_pod).or(unbound)
    }
}
