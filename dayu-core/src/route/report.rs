//! Routes as the status API tells them, field by field as Dayu's local controllers read them.
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::{Device, Revision, Uid};

/// How far a route is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Phase {
    /// Valid, waiting for its listener or for the source.
    Ready,
    /// Requests pass.
    Applied,
    /// Broken; the reason says how.
    Degraded,
    /// The Service is gone; told once, to those who watch.
    Removed,
}

/// How far the source is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SourceState {
    /// It has not told everything yet.
    #[default]
    Syncing,
    /// It has not, but what it told at an earlier time is in force.
    Stale,
    /// It has.
    Synced,
}

impl SourceState {
    /// The sentence that goes with it.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Syncing => "waiting for Service and Endpoints informer caches to sync",
            Self::Stale => {
                "what was known before the start is served; waiting for Service and Endpoints informer caches to sync"
            }
            Self::Synced => "Service and Endpoints informer caches synced",
        }
    }
}

/// All routes: the body of `/v1/routes`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Rises with every change; not kept across restarts.
    pub sequence: u64,
    /// How far the source is.
    pub source_state: SourceState,
    /// The sentence that goes with it.
    pub source_message: String,
    /// When anything changed last.
    pub updated_at: Timestamp,
    /// By UID of the RuntimeService, or `invalid/<service UID>` where there is none to go by.
    pub routes: BTreeMap<String, Route>,
}

/// One route of [`Report`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// UID of the RuntimeService.
    #[serde(rename = "runtimeServiceUID")]
    pub runtime_service_uid: Uid,
    /// UID of the Service.
    #[serde(rename = "serviceUID")]
    pub service_uid: Uid,
    /// Version of the Service that was checked.
    pub service_resource_version: String,
    /// Version of the endpoints that were checked.
    pub endpoints_resource_version: String,
    /// Namespace of the Service.
    pub namespace: String,
    /// Its name.
    pub service_name: String,
    /// What it is an instance of.
    pub logical_service: String,
    /// Which installation it belongs to.
    #[serde(rename = "installID")]
    pub install_id: String,
    /// Its revision.
    pub deployment_revision: Revision,
    /// The RuntimeService's name.
    #[serde(rename = "runtimeID")]
    pub runtime_id: String,
    /// What part of the pipeline it is.
    pub component: String,
    /// The device it is on.
    pub target_node: Device,
    /// The name it is reached by.
    pub fqdn: String,
    /// Name of its first port.
    pub port_name: String,
    /// Its cluster address.
    #[serde(rename = "serviceIP")]
    pub service_ip: String,
    /// Number of its first port.
    pub service_port: u16,
    /// Address of the pod that stands for it.
    #[serde(rename = "endpointIP")]
    pub endpoint_ip: String,
    /// Port on that pod.
    pub endpoint_port: u16,
    /// Name of that pod.
    pub endpoint_pod: String,
    /// UID of that pod.
    #[serde(rename = "endpointPodUID")]
    pub endpoint_pod_uid: Uid,
    /// Always `TCP`.
    pub protocol: String,
    /// How far it is.
    pub phase: Phase,
    /// Why it is not further.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub reason: String,
    /// Whether all its listeners stand.
    pub proxy_applied: bool,
    /// When it changed last.
    pub updated_at: Timestamp,
}

/// One route by UID of its Service: the body of `/v1/routes/{serviceUID}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteView {
    /// UID of the Service.
    #[serde(rename = "serviceUID")]
    pub service_uid: Uid,
    /// UID of the RuntimeService.
    #[serde(rename = "runtimeServiceUID")]
    pub runtime_service_uid: Uid,
    /// Version of the Service that was checked.
    pub service_resource_version: String,
    /// Version of the endpoints that were checked.
    pub endpoints_resource_version: String,
    /// Its revision.
    pub deployment_revision: Revision,
    /// The RuntimeService's name.
    #[serde(rename = "runtimeID")]
    pub runtime_id: String,
    /// How far it is; degraded while nothing at all is known from the source.
    pub state: Phase,
    /// The sequence at the time of asking.
    pub local_sequence: u64,
    /// How far the source is.
    pub source_state: SourceState,
    /// The device it is on.
    pub target_node: Device,
    /// UID of the pod that stands for it.
    #[serde(rename = "endpointPodUID")]
    pub endpoint_pod_uid: Uid,
    /// Why it is not further.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub reason: String,
    /// When it changed last.
    pub observed_at: Timestamp,
}

impl RouteView {
    /// Whether requests pass, and the source agrees to it.
    #[must_use]
    pub fn is_applied(&self) -> bool {
        self.state == Phase::Applied && self.source_state == SourceState::Synced
    }
}
