//! Environment variables that workers of a JointMultiEdgeService find.

/// The namespace of the worker.
pub const NAMESPACE: &str = "NAMESPACE";
/// The name of the JointMultiEdgeService.
pub const SERVICE_NAME: &str = "SERVICE_NAME";
/// `logLevel.level` of the worker.
pub const LOG_LEVEL: &str = "LOG_LEVEL";
/// The device the worker is pinned to: its only notion of "here".
pub const NODE_NAME: &str = "NODE_NAME";
/// Where mounts without a path of their own lie: [`DATA_PATH`].
pub const DATA_PATH_PREFIX: &str = "DATA_PATH_PREFIX";
/// How many directories `file` brought.
pub const VOLUME_NUM: &str = "VOLUME_NUM";
/// Followed by the number of a directory that `file` brought: its path on the device.
pub const VOLUME_PREFIX: &str = "VOLUME_";
/// Where an edge worker finds its local manager.
pub const LC_SERVER: &str = "LC_SERVER";
/// The address of the worker's device, which [`LC_SERVER`] may refer to.
pub const LC_HOST: &str = "LC_HOST";

/// The value of [`LC_SERVER`] where nothing else is said: a worker on the pod network has a localhost of its own, where no
/// local manager is.
pub const LOCAL_MANAGER: &str = "http://$(LC_HOST):9100";

/// The value of [`DATA_PATH_PREFIX`].
pub const DATA_PATH: &str = "/home/data";
