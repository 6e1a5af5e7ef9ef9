//! A pod as the controllers see it: what they decide by, and nothing else of its long text.
use std::collections::BTreeMap;

use serde::Deserialize;

/// The parts of a pod that controllers read.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Pod {
    pub(super) spec: Spec,
    pub(super) status: Status,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Spec {
    pub(super) node_name: Option<Box<str>>,
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
    pub(super) last_transition_time: Option<Box<str>>,
}

impl Pod {
    pub(super) fn is_ready(&self) -> bool {
        self.status.conditions.iter().any(|condition| &*condition.kind == "Ready" && &*condition.status == "True")
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

/// Whether all of `selector` stands in `labels`; an empty selector selects nothing here.
pub(super) fn selects(selector: &BTreeMap<Box<str>, Box<str>>, labels: &BTreeMap<Box<str>, Box<str>>) -> bool {
    !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}
