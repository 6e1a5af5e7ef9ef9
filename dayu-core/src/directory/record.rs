//! What a source says: plain records of Services, slices and devices, with the version each was seen in.
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    api::label::MESH_MANAGED,
    name::{Device, Revision, ServiceKey, Uid},
};

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A Service is as given.
    Service(ServiceRecord),
    /// This incarnation of a Service is gone.
    ServiceGone {
        /// Which.
        key: ServiceKey,
        /// Its UID.
        uid: Uid,
    },
    /// A slice of a Service's endpoints is as given.
    Slice(SliceRecord),
    /// A slice is gone.
    SliceGone {
        /// Namespace of slice and Service.
        namespace: Arc<str>,
        /// Name of the slice.
        name: Arc<str>,
    },
    /// A device is as given.
    Device(DeviceRecord),
    /// A device is gone.
    DeviceGone(Device),
    /// What was told so far was kept from an earlier time. It is in force, as [`SourceState::Stale`](crate::route::SourceState),
    /// until the source itself has told everything.
    Recalled,
    /// The source has told everything that is there at present.
    Synced,
    /// The source cannot tell of something at the moment. That changes nothing: what was told stays in force.
    Hindered {
        /// What it cannot do, such as `watch of Services`.
        what: String,
        /// Why, in words for people.
        why: String,
    },
}

/// A Service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceRecord {
    /// Namespace and name.
    pub key: ServiceKey,
    /// UID of this incarnation.
    pub uid: Uid,
    /// `resourceVersion` as a number; 0 when the source gives none that can be compared.
    #[serde(skip)]
    pub version: u64,
    /// `ClusterIP`, `NodePort`, …
    pub kind: Arc<str>,
    /// Whether meshes carry its traffic. Of one that is left to somebody else only the names are known.
    pub carried: bool,
    /// The name of another host that it stands for (`ExternalName`).
    pub alias: Option<Arc<str>>,
    /// Cluster addresses; empty for headless Services.
    pub addresses: Vec<IpAddr>,
    /// Its ports.
    pub ports: Vec<PortRecord>,
    /// Whether one client goes to one endpoint, and for how many seconds (`sessionAffinity: ClientIP`).
    pub affinity: Option<u32>,
    /// The labels that say who it is: the six of managed routes, and the name of the JointMultiEdgeService that it is of.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// Annotation `dayu.io/target-node`.
    pub target: Option<Device>,
    /// Annotation `dayu.io/logical-service`.
    pub logical_service: Arc<str>,
    /// Annotation `dayu.io/balance`, whatever it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<Arc<str>>,
    /// Annotation `dayu.io/spill`, whatever it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spill: Option<Arc<str>>,
}

/// One port of a Service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PortRecord {
    /// Its name; empty when the only port has none.
    pub name: Arc<str>,
    /// `TCP`, `UDP`.
    pub protocol: Arc<str>,
    /// The number that callers use.
    pub number: u16,
    /// The port on every device's own address, if any.
    pub node_port: Option<u16>,
    /// The port on the pod when it is given by number.
    pub target: Option<u16>,
}

/// A part of a Service's endpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SliceRecord {
    /// Namespace of slice and Service.
    pub namespace: Arc<str>,
    /// Name of the slice.
    pub name: Arc<str>,
    /// The Service that it belongs to.
    pub service: Arc<str>,
    /// `resourceVersion` as a number; 0 when it cannot be compared.
    #[serde(skip)]
    pub version: u64,
    /// Identity labels, copied from the Service.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// Names and numbers of the ports that its endpoints serve.
    pub ports: Vec<(Arc<str>, u16)>,
    /// Its endpoints.
    pub endpoints: Vec<EndpointRecord>,
}

/// One endpoint of a slice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointRecord {
    /// Where it listens.
    pub address: IpAddr,
    /// The device it runs on.
    pub device: Option<Device>,
    /// The pod behind it.
    pub pod: Option<PodRef>,
    /// Its name within a Service that has no address of its own, as `redis-0`.
    pub hostname: Option<Arc<str>>,
    /// Takes new requests.
    pub ready: bool,
    /// Answers, though it may be leaving.
    pub serving: bool,
    /// Is leaving.
    pub terminating: bool,
    /// Its share relative to others, 1 unless the source says otherwise.
    pub weight: u16,
}

/// Name and UID of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodRef {
    /// Its name.
    pub name: Arc<str>,
    /// UID of this incarnation.
    pub uid: Uid,
}

/// A device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceRecord {
    /// Its name.
    pub device: Device,
    /// `resourceVersion` as a number; 0 when it cannot be compared.
    #[serde(skip)]
    pub version: u64,
    /// Its internal addresses, the first being the one that callers use.
    pub addresses: Vec<IpAddr>,
    /// Its node is ready.
    pub ready: bool,
    /// What its node's labels say that it is for, as kubectl tells it: `control-plane`, `edge`. Sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Arc<str>>,
}

/// Who a managed Service is: what its labels and annotations say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `dayu.io/install-id`.
    pub install_id: Arc<str>,
    /// `dayu.io/deployment-revision`.
    pub revision: Revision,
    /// `dayu.io/runtime-id`.
    pub runtime_id: Arc<str>,
    /// `dayu.io/component`.
    pub component: Arc<str>,
    /// `dayu.io/runtime-service-uid`.
    pub runtime_service: Uid,
    /// The device that it is for.
    pub target: Device,
}

impl ServiceRecord {
    /// Whether the Service says that its routes are managed: exactly one incarnation, or none.
    #[must_use]
    pub fn is_managed(&self) -> bool {
        self.carried && self.labels.get(MESH_MANAGED).is_some_and(|value| &**value == "true")
    }
}
