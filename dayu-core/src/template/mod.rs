//! A kind is a template: custom resource → [`Plan`] of children, and observation → status. Both pure.
//!
//! The engine does everything else once for all kinds: it applies the plan with its own field manager, sets owner
//! references, prunes what is no longer planned, watches, backs off, emits events and writes status when it changed.
mod device;
#[cfg(test)]
mod golden;
mod inherited;
pub mod joint_multi_edge;
#[cfg(test)]
mod kstatus;
mod observed;
mod rejection;
pub mod runtime_service;
pub mod spec_hash;
pub(crate) mod syntax;

use std::{collections::BTreeMap, fmt, sync::Arc};

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Service};
use kube::core::{NamespaceResourceScope, object::HasStatus};
use serde::{Serialize, de::DeserializeOwned};

pub use inherited::inherited;
pub use observed::{
    Acknowledgement, EndpointState, Failure, ObjectRef, Observed, PodState, ServiceState, Trouble, WorkerState,
};
pub use rejection::Rejection;

use crate::name::{Device, Revision};

/// A kind of custom resource: how its workers are planned and how their state is told.
///
/// A kind of one's own is in `examples/examples/own_kind.rs`. A template can also stand on another, to ask for more:
///
/// ```
/// use dayu_core::api::{RuntimeService, RuntimeServiceStatus};
/// use dayu_core::template::{Observed, Plan, Rejection, Site, Template, runtime_service::RuntimeServiceTemplate};
///
/// /// Keeps workers off devices that run on a battery.
/// struct OnMains;
///
/// impl Template for OnMains {
///     type Resource = RuntimeService;
///     type Status = RuntimeServiceStatus;
///
///     fn plan(&self, service: &RuntimeService, site: &Site) -> Result<Plan, Rejection> {
///         let device = site.devices.get(service.spec.target_node.as_str());
///         if device.is_some_and(|device| device.labels.contains_key("example.org/battery")) {
///             return Err(Rejection::invalid("spec.targetNode", "the device runs on a battery", "name another"));
///         }
///         RuntimeServiceTemplate.plan(service, site)
///     }
///
///     fn status(&self, service: &RuntimeService, observed: &Observed) -> RuntimeServiceStatus {
///         RuntimeServiceTemplate.status(service, observed)
///     }
/// }
/// ```
#[cfg_attr(
    any(test, feature = "test-util"),
    mockall::automock(type Resource = crate::api::RuntimeService; type Status = crate::api::RuntimeServiceStatus;)
)]
pub trait Template: Send + Sync + 'static {
    /// The custom resource, its last status in it.
    type Resource: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + HasStatus<Status = Self::Status>
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

    /// The status that tells `observed`. Level-triggered: everything is derived from the arguments, nothing remembered;
    /// `resource` holds the status that was told last.
    fn status(&self, resource: &Self::Resource, observed: &Observed) -> Self::Status;

    /// Whether `status` only tells of something on its way, neither there nor in trouble: the engine may then wait half a
    /// second for what comes next before it writes, unless what it sees [is in trouble](Observed::is_in_trouble). By default
    /// everything is written at once.
    fn is_on_its_way(&self, _status: &Self::Status) -> bool {
        false
    }
}

/// What of its surroundings a plan may depend on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Site {
    /// The cluster's nodes. Shared, because every look at every resource has them.
    pub devices: Arc<BTreeMap<Device, DeviceState>>,
    /// Where workers find their local manager: the value of `LC_SERVER`, in which `$(LC_HOST)` stands for the address of
    /// the worker's device.
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
