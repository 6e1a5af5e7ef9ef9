//! What is told of a JointMultiEdgeService.
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::null_is_default;
use crate::api::condition;

/// The observed state of a JointMultiEdgeService.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct JointMultiEdgeServiceStatus {
    /// The newest generation that this status tells of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Running`, `Failed` and `Ready`, each with what is true now, and `Stalled` while the spec itself is refused.
    ///
    /// Not keyed by type in the schema: objects that Sedna's manager wrote hold conditions of one type several times.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub conditions: Vec<JointCondition>,
    /// When the service was first seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "condition::moment")]
    pub start_time: Option<Time>,
    /// How many workers run.
    pub active: i32,
    /// How many workers are in trouble.
    pub failed: i32,
    /// What the workers reported of themselves.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub metrics: Vec<Metric>,
}

/// One condition of a JointMultiEdgeService.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("required" = ["status", "type"]))]
#[serde(rename_all = "camelCase", default)]
pub struct JointCondition {
    /// CamelCase name.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// The generation it was derived from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When anything of it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "condition::moment")]
    pub last_heartbeat_time: Option<Time>,
    /// When its status last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "condition::moment")]
    pub last_transition_time: Option<Time>,
    /// CamelCase, machine-readable.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// One figure that a worker reported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("required" = ["key", "value"]))]
#[serde(default)]
pub struct Metric {
    /// Its name.
    pub key: String,
    /// Its value: text as it is, anything else as JSON.
    pub value: String,
}
