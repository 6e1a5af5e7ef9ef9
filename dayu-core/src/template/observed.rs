//! What the engine saw: the argument of [`Template::status`](super::Template::status).
use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;

use super::{Plan, Rejection, Site, Slot};
use crate::name::{Device, Revision, Uid};

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

impl Observed {
    /// Whether something is wrong, so that waiting alone does not bring the resource further: what is told at once.
    #[must_use]
    pub fn is_in_trouble(&self) -> bool {
        self.failure.is_some() || self.workers.values().any(WorkerState::is_in_trouble)
    }
}

/// What kept the engine from making the children as planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// [`Template::plan`](super::Template::plan) refused.
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
    /// No pod of an earlier generation of the Deployment is left: there never was one, or its controller says so.
    pub rolled_out: bool,
    /// Why its pods are not made, when that is known.
    pub trouble: Option<Trouble>,
    /// Its pods that are not being deleted.
    pub pods: Vec<PodState>,
}

impl WorkerState {
    /// Whether a pod of what was planned last is ready.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.rolled_out && self.pods.iter().any(|pod| pod.ready)
    }

    /// Whether it does not run, and not because it is merely on its way.
    #[must_use]
    pub fn is_in_trouble(&self) -> bool {
        let troubled = |pod: &PodState| {
            let lasting = pod.trouble.as_ref().is_some_and(|trouble| !ON_ITS_WAY.contains(&&*trouble.reason));
            pod.phase == "Failed" || lasting
        };
        (self.trouble.is_some() || self.pods.iter().any(troubled)) && !self.runs()
    }
}

/// Reasons of a pod that is merely on its way.
const ON_ITS_WAY: [&str; 5] =
    ["ContainerCreating", "PodInitializing", "Pending", "Unschedulable", "ContainersNotReady"];

/// Why something is not as it should be, in the words of whoever noticed.
///
/// ```
/// # use dayu_core::template::Trouble;
/// assert_eq!(Trouble::new("ErrImagePull", "no such image").to_string(), "ErrImagePull: no such image");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// CamelCase, machine-readable.
    pub reason: String,
    /// For people.
    pub message: String,
}

impl Trouble {
    /// Trouble of that kind.
    pub fn new(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason: reason.into(), message: message.into() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.message)
    }
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
    /// Why it is not ready, when known: what the first container (or the pod) says that says anything.
    pub trouble: Option<Trouble>,
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
