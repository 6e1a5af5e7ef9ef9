//! RuntimeService: one immutable revision of one worker on one device.
mod status;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use status::{Activation, EndpointStatus, ObjectReference, RuntimeServiceStatus};

use super::PodTemplate;

/// What a RuntimeService asks for. A different pod or endpoint is a new revision in a new object.
///
/// ```
/// use dayu_core::api::RuntimeServiceSpec;
/// let spec: RuntimeServiceSpec = serde_json::from_str(r#"{"targetNode": "edge1", "deploymentRevision": 3}"#)?;
/// assert_eq!(spec.deployment_revision, 3);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(CustomResource, JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "sedna.io",
    version = "v1alpha1",
    kind = "RuntimeService",
    plural = "runtimeservices",
    shortname = "rts",
    namespaced,
    status = "RuntimeServiceStatus",
    derive = "PartialEq",
    doc = "One immutable, revision-scoped worker on one device: a Deployment of one replica and, with an endpoint, a ClusterIP Service.",
    printcolumn = r#"{"name": "Revision", "type": "integer", "format": "int64", "jsonPath": ".spec.deploymentRevision"}"#,
    printcolumn = r#"{"name": "Node", "type": "string", "jsonPath": ".spec.targetNode"}"#,
    printcolumn = r#"{"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"}"#
)]
#[schemars(
    extend("required" = ["component", "deploymentRevision", "installID", "podTemplate", "targetNode"]),
    extend("x-kubernetes-validations" = [{
        "rule": "self == oldSelf",
        "message": "a RuntimeService is immutable: create a new one with the next deploymentRevision",
    }])
)]
#[serde(rename_all = "camelCase", default)]
pub struct RuntimeServiceSpec {
    /// The installation that the worker belongs to, among those that share a cluster.
    #[serde(rename = "installID")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"))]
    pub install_id: String,
    /// The revision of the deployment, 1 or more. Chosen by the user, never reused for another content.
    #[schemars(range(min = 1))]
    pub deployment_revision: i64,
    /// What the worker is in the platform: `processor`, `controller`, …
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"))]
    pub component: String,
    /// The service of the application that the worker implements, if any. Free text.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub logical_service: String,
    /// The device that the worker runs on: exactly the name of its Node.
    #[schemars(length(min = 1, max = 253))]
    pub target_node: String,
    /// The pod, fully rendered: nothing is added to its environment or volumes.
    #[schemars(extend("required" = ["spec"]))]
    pub pod_template: PodTemplate,
    /// The port that others reach; absent for workers that only call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
}

/// The one port of a worker that the mesh makes reachable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("required" = ["port"]))]
#[serde(default)]
pub struct Endpoint {
    /// The port of the Service and of the container, 1 to 65535.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
}
