//! JointMultiEdgeService: workers on several devices and one Service that spans them.
mod mount;
mod status;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use mount::{
    ClaimSource, ConfigMapSource, EmptyDirSource, HostPathSource, Mount, MountSource, MountTarget, SecretSource,
};
pub use status::{JointCondition, JointMultiEdgeServiceStatus, Metric};

use super::PodTemplate;

/// What a JointMultiEdgeService asks for: nothing of it is required.
///
/// ```
/// use dayu_core::api::JointMultiEdgeServiceSpec;
/// let spec: JointMultiEdgeServiceSpec = serde_json::from_str(r#"{"edgeWorker": [{"file": {"path": "/srv/a.bin"}}]}"#)?;
/// assert_eq!(spec.edge_worker[0].file.all().collect::<Vec<_>>(), ["/srv/a.bin"]);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(CustomResource, JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "sedna.io",
    version = "v1alpha1",
    kind = "JointMultiEdgeService",
    plural = "jointmultiedgeservices",
    shortname = "mulji",
    namespaced,
    status = "JointMultiEdgeServiceStatus",
    derive = "PartialEq",
    doc = "Workers on several devices, one Deployment each, and one NodePort Service that spans them.",
    printcolumn = r#"{"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name": "Active", "type": "integer", "format": "int32", "jsonPath": ".status.active"}"#,
    printcolumn = r#"{"name": "Failed", "type": "integer", "format": "int32", "jsonPath": ".status.failed"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase", default)]
pub struct JointMultiEdgeServiceSpec {
    /// The workers on edge devices.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub edge_worker: Vec<Worker>,
    /// The worker in the cloud; one without any content is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_worker: Option<Worker>,
    /// The Service that makes the workers reachable; one without any content is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_config: Option<ServiceConfig>,
}

/// One worker: its pod, and what the platform passes into it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("required" = ["template"]))]
#[serde(rename_all = "camelCase", default)]
pub struct Worker {
    /// The pod.
    pub template: PodTemplate,
    /// Files of the device whose directories are mounted: the older way.
    #[serde(skip_serializing_if = "Files::is_empty")]
    pub file: Files,
    /// What becomes `LOG_LEVEL`.
    #[serde(skip_serializing_if = "LogLevel::is_empty")]
    pub log_level: LogLevel,
    /// Files, directories and devices that are mounted.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub mounts: Vec<Mount>,
}

/// Files of the device: each one's parent directory is mounted as `/home/data/volume<n>`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Files {
    /// One file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Further files.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub paths: Vec<String>,
}

impl Files {
    /// All files, `path` first.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.path).chain(&self.paths).map(String::as_str).filter(|path| !path.is_empty())
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How much a worker logs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("required" = ["level"]))]
#[serde(default)]
pub struct LogLevel {
    /// The value of `LOG_LEVEL`.
    pub level: String,
}

impl LogLevel {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The Service of a JointMultiEdgeService. 0 and the empty string mean "not given".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceConfig {
    /// The Service's port.
    pub port: i32,
    /// The port of the containers; `port` when not given.
    pub target_port: i32,
    /// The port on every device; the API server chooses when not given.
    pub node_port: i32,
    /// The last part of the Service's name: `edge`, `cloud` or `both`.
    pub pos: String,
}

/// Reads `null` as the zero value, as Go does.
fn null_is_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
