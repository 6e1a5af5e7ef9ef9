//! A kind is a template: custom resource → [`Plan`] of children, and observation → status. Both pure.
//!
//! The engine does everything else once for all kinds: it applies the plan with its own field manager, sets owner
//! references, prunes what is no longer planned, watches, backs off, emits events and writes status when it changed.
pub mod spec_hash;

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Service};
use kube::core::NamespaceResourceScope;
use serde::{Serialize, de::DeserializeOwned};

use crate::name::{Device, Revision, Uid};

/// A kind of custom resource: how its workers are planned and how their state is told.
pub trait Template: Send + Sync + 'static {
    /// The custom resource.
    type Resource: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + fmt::Debug
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static;
    /// The resource's `.status`.
    type Status: Serialize + DeserializeOwned + PartialEq + Clone + fmt::Debug + Send + Sync + 'static;

    /// The children that `resource` asks for at `site`.
    ///
    /// Pure and deterministic: equal arguments give equal plans, names of children included.
    ///
    /// # Errors
    /// A [`Rejection`] names the field, what is wrong with it and what to do. Nothing is created or changed then; it
    /// becomes a condition and an event, and the resource is looked at again when it or the site changes.
    fn plan(&self, resource: &Self::Resource, site: &Site) -> Result<Plan, Rejection>;

    /// The status that tells `observed`. Level-triggered: everything is derived from the arguments, nothing remembered.
    fn status(&self, resource: &Self::Resource, observed: &Observed) -> Self::Status;

    /// The status stored in `resource`, if any.
    fn stored<'a>(&self, resource: &'a Self::Resource) -> Option<&'a Self::Status>;
}

/// What of its surroundings a plan may depend on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Site {
    /// The cluster's nodes.
    pub devices: BTreeMap<Device, DeviceState>,
    /// Where workers find their local manager: the value of `LC_SERVER`.
    pub local_manager: String,
}

/// What is known of one device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceState {
    /// The node's condition `Ready` is `True` and the node is not being deleted.
    pub ready: bool,
    /// The node's labels.
    pub labels: BTreeMap<String, String>,
}

/// The children that a resource asks for. Names are final, namespaces and owner references are the engine's to set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The workers, one Deployment each.
    pub workers: Vec<Worker>,
    /// The Services that make them reachable.
    pub services: Vec<Service>,
    /// The route that has to be confirmed by its device before the resource is ready.
    pub activation: Option<Activation>,
}

/// Which of a resource's workers this is; stable under edits of the other workers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// `edge`, `cloud`, or what the kind calls it.
    pub role: String,
    /// The device the worker is pinned to; none when the scheduler may choose.
    pub device: Option<Device>,
    /// Distinguishes workers of one role on one device, from 0 in the order of the resource.
    pub ordinal: u32,
}

/// One worker of a [`Plan`].
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// Which worker of the resource it is.
    pub slot: Slot,
    /// The Deployment that runs it.
    pub deployment: Deployment,
}

/// The (service, device) route whose application the device has to acknowledge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// Name of the planned Service.
    pub service: String,
    /// The device that must have applied the route.
    pub device: Device,
    /// The revision that the route must carry.
    pub revision: Revision,
}

/// Why a resource cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}; {remedy}")]
pub struct Rejection {
    /// CamelCase, machine-readable: the condition's reason (`InvalidSpec`, `NodeNotFound`).
    pub reason: &'static str,
    /// JSON path of the field (`spec.endpoint.port`).
    pub field: String,
    /// What is wrong with it.
    pub message: String,
    /// What the user can do.
    pub remedy: String,
}

/// What the engine saw of a resource's children. Absent children are simply absent.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The moment of observation: what `lastTransitionTime` becomes for conditions that change now.
    pub now: Timestamp,
    /// Why nothing was planned, or the plan was not fully applied.
    pub failure: Option<Failure>,
    /// What was planned; empty after a rejection.
    pub plan: Plan,
    /// The site that the plan was made for.
    pub site: Site,
    /// By slot of the plan: what exists.
    pub workers: BTreeMap<Slot, WorkerState>,
    /// By name of the planned Service: what exists.
    pub services: BTreeMap<String, ServiceState>,
    /// The newest acknowledgement from the device of [`Plan::activation`].
    pub acknowledged: Option<Acknowledgement>,
    /// Whether the local manager of that device is connected at the moment.
    pub device_connected: bool,
}

/// What kept the engine from making the children as planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// [`Template::plan`] refused.
    Rejected(Rejection),
    /// The API server refused a child; it is retried with back-off.
    Refused {
        /// `Kind/name` of the child.
        child: String,
        /// What the API server said.
        message: String,
    },
}

/// What exists of one worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkerState {
    /// Name and UID of the Deployment.
    pub deployment: Option<ObjectRef>,
    /// The Deployment's controller has seen its newest generation, and all its replicas are updated and available.
    pub rolled_out: bool,
    /// Its pods that are not being deleted.
    pub pods: Vec<PodState>,
}

/// Name and UID of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRef {
    /// The object's name.
    pub name: String,
    /// The UID of this incarnation.
    pub uid: Uid,
}

/// What is known of one pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodState {
    /// Name and UID.
    pub pod: ObjectRef,
    /// The device that it is bound to.
    pub device: Option<Device>,
    /// Running with all containers ready.
    pub ready: bool,
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    pub phase: String,
    /// Why it is not ready, when known: reason and message of the first container (or of the pod) that says.
    pub trouble: Option<(String, String)>,
}

/// What exists of one Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceState {
    /// Name and UID of the Service.
    pub service: Option<ObjectRef>,
    /// Addresses in its EndpointSlices that are ready.
    pub ready: Vec<EndpointState>,
    /// How many are not ready.
    pub not_ready: i32,
}

/// One ready endpoint of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointState {
    /// UID of the pod behind it.
    pub pod: Option<Uid>,
    /// The device it runs on.
    pub device: Option<Device>,
}

/// A device's word that it has applied exactly this incarnation of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// UID of the custom resource.
    pub resource: Uid,
    /// UID of the Service.
    pub service: Uid,
    /// UID of the pod behind the endpoint.
    pub pod: Uid,
    /// The revision of the route.
    pub revision: Revision,
    /// The device that says so.
    pub device: Device,
    /// The mesh's own sequence number, 1 or more.
    pub sequence: u64,
    /// When the mesh applied the route.
    pub observed_at: Timestamp,
}
