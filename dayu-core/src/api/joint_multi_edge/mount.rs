//! What of its device, or of the cluster, a worker sees as files.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::null_is_default;

/// One file, directory, device or volume in the worker's containers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("required" = ["source"]))]
#[serde(rename_all = "camelCase", default)]
pub struct Mount {
    /// The name of the volume; `mount-<index>` when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Where it comes from.
    pub source: MountSource,
    /// Where it goes.
    pub target: MountTarget,
    /// The containers that see it; all when empty. Init containers never do.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub containers: Vec<String>,
    /// The environment variable that tells the containers where it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub env_name: String,
}

/// Where a mount comes from: `type` says, or the one source that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MountSource {
    /// `hostPath`, `persistentVolumeClaim`, `configMap`, `secret` or `emptyDir`.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// A path of the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_path: Option<HostPathSource>,
    /// A claim in the worker's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<ClaimSource>,
    /// A ConfigMap in the worker's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapSource>,
    /// A Secret in the worker's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretSource>,
    /// An empty directory that lives as long as the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty_dir: Option<EmptyDirSource>,
}

/// A path of the device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("required" = ["path"]))]
#[serde(rename_all = "camelCase", default)]
pub struct HostPathSource {
    /// Absolute, or relative to `prefix`.
    pub path: String,
    /// The directory that a relative `path` lies in.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// Kubernetes' type of a host path: `Directory`, `DirectoryOrCreate`, `CharDevice`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_type: Option<String>,
}

/// A persistent volume claim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("required" = ["claimName"]))]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimSource {
    /// The claim's name.
    pub claim_name: String,
    /// Whether it is mounted read-only.
    pub read_only: bool,
}

/// A ConfigMap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("required" = ["name"]))]
#[serde(default)]
pub struct ConfigMapSource {
    /// The ConfigMap's name.
    pub name: String,
    /// Whether the pod starts without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}

/// A Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("required" = ["secretName"]))]
#[serde(rename_all = "camelCase", default)]
pub struct SecretSource {
    /// The Secret's name.
    pub secret_name: String,
    /// Whether the pod starts without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}

/// An empty directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EmptyDirSource {
    /// `Memory`, or the device's own when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub medium: String,
    /// A quantity of bytes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub size_limit: String,
}

/// Where a mount goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MountTarget {
    /// The path in the containers; derived from the source when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Whether the containers may only read.
    pub read_only: bool,
    /// The part of the volume that is mounted.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sub_path: String,
    /// Kubernetes' mount propagation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount_propagation: Option<String>,
}
