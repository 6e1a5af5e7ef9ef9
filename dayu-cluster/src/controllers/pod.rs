//! A pod as the controllers see it: what they decide by, and nothing else of its long text.
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

/// The parts of a pod that controllers read.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Pod {
    pub(super) metadata: Metadata,
    pub(super) spec: Spec,
    pub(super) status: Status,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metadata {
    #[serde(deserialize_with = "time")]
    pub(super) creation_timestamp: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Spec {
    pub(super) node_name: Option<Box<str>>,
    /// Its name within the headless Service that is called like `subdomain`.
    pub(super) hostname: Option<Box<str>>,
    pub(super) subdomain: Option<Box<str>>,
    pub(super) containers: Vec<Container>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Container {
    pub(super) ports: Vec<ContainerPort>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ContainerPort {
    pub(super) name: Option<Box<str>>,
    pub(super) container_port: u16,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Status {
    pub(super) phase: Box<str>,
    #[serde(rename = "podIP")]
    pub(super) pod_ip: Option<Box<str>>,
    pub(super) conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Condition {
    #[serde(rename = "type")]
    pub(super) kind: Box<str>,
    pub(super) status: Box<str>,
    #[serde(deserialize_with = "time")]
    pub(super) last_transition_time: Option<Timestamp>,
}

/// A time that somebody wrote wrongly counts as none: the rest of the pod is still read.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

impl Status {
    /// What the condition `kind` says: `True`, `False` or `Unknown`.
    pub(super) fn condition(&self, kind: &str) -> Option<&str> {
        self.conditions.iter().find(|condition| &*condition.kind == kind).map(|condition| &*condition.status)
    }
}

impl Pod {
    pub(super) fn is_ready(&self) -> bool {
        self.status.condition("Ready") == Some("True")
    }

    /// Ended for good, well or badly.
    pub(super) fn has_ended(&self) -> bool {
        matches!(&*self.status.phase, "Succeeded" | "Failed")
    }

    /// The number of the port that a Service calls by name.
    pub(super) fn port(&self, name: &str) -> Option<u16> {
        let ports = self.spec.containers.iter().flat_map(|container| &container.ports);
        ports.into_iter().find(|port| port.name.as_deref() == Some(name)).map(|port| port.container_port)
    }
}
