//! What is told of a RuntimeService.
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{api::condition, name::Uid, template::ObjectRef};

/// The observed state of a RuntimeService.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RuntimeServiceStatus {
    /// The newest generation that this status tells of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The revision that was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_revision: Option<i64>,
    /// The hash of the spec that was accepted: 64 lower-case hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_spec_hash: Option<String>,
    /// The Deployment, once it exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_ref: Option<ObjectReference>,
    /// The one ready pod, while the workload is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_ref: Option<ObjectReference>,
    /// The Service and how many addresses stand behind it, once it exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointStatus>,
    /// Which exact route was asked of the device, and which it acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// Seven gates: SpecAccepted, ResourcesReconciled, NodeReady, WorkloadReady, EndpointReady, Activated and Ready.
    ///
    /// Beside them Stalled, while the spec itself is refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "condition::schema")]
    pub conditions: Vec<Condition>,
}

/// Name and UID of an observed object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ObjectReference {
    /// The object's name.
    pub name: String,
    /// The UID of this incarnation.
    #[schemars(with = "String")]
    pub uid: Uid,
}

impl From<&ObjectRef> for ObjectReference {
    fn from(object: &ObjectRef) -> Self {
        Self { name: object.name.clone(), uid: object.uid.clone() }
    }
}

/// What others reach of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointStatus {
    /// The Service.
    pub service_ref: ObjectReference,
    /// Its name in the cluster's DNS, without a trailing dot.
    pub dns_name: String,
    /// Its port.
    pub port: i32,
    /// How many addresses behind it are ready.
    pub ready_addresses: i32,
    /// How many are not.
    pub not_ready_addresses: i32,
}

/// The exact route asked of a device, and the exact route it said it applied.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("required" = ["targetNode"]))]
#[serde(rename_all = "camelCase", default)]
pub struct Activation {
    /// The device.
    pub target_node: String,
    /// The revision asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_revision: Option<i64>,
    /// The Service asked for.
    #[serde(rename = "requestedServiceUID", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub requested_service_uid: Option<Uid>,
    /// The pod asked for.
    #[serde(rename = "requestedEndpointPodUID", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub requested_endpoint_pod_uid: Option<Uid>,
    /// The revision applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activated_revision: Option<i64>,
    /// The Service applied.
    #[serde(rename = "activatedServiceUID", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub activated_service_uid: Option<Uid>,
    /// The pod applied.
    #[serde(rename = "activatedEndpointPodUID", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub activated_endpoint_pod_uid: Option<Uid>,
    /// The sequence number that the mesh gave the route, 1 or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i64>")]
    pub activated_local_sequence: Option<u64>,
    /// When the route was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "condition::moment")]
    pub last_request_time: Option<Time>,
    /// When the mesh applied it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "condition::moment")]
    pub last_ack_time: Option<Time>,
}
