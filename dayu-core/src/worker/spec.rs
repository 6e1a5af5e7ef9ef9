//! What is wanted of a worker: the part of a pod that its lifecycle depends on.
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1 as k8s;

use super::{PreStop, ProbeAction, ProbeKind, ProbeSpec, Problem};

/// Grace of a pod that names none.
const GRACE: Duration = Duration::from_secs(30);

/// Whether a container that ended is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Always.
    Always,
    /// Unless it ended with 0.
    OnFailure,
    /// Never.
    Never,
}

/// One container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerSpec {
    /// Its name, unique in the worker.
    pub name: Arc<str>,
    /// Runs to its end before the containers behind it begin.
    pub init: bool,
    /// See [`ProbeKind::Startup`].
    pub startup: Option<ProbeSpec>,
    /// See [`ProbeKind::Liveness`].
    pub liveness: Option<ProbeSpec>,
    /// See [`ProbeKind::Readiness`].
    pub readiness: Option<ProbeSpec>,
    /// What is done before it is told to end.
    pub pre_stop: Option<PreStop>,
}

/// One worker.
///
/// ```
/// use dayu_core::worker::{RestartPolicy, Spec};
/// use k8s_openapi::api::core::v1::PodSpec;
///
/// let pod: PodSpec = serde_json::from_value(serde_json::json!({
///     "restartPolicy": "OnFailure", "initContainers": [{"name": "fetch"}], "containers": [{"name": "detector"}],
/// }))?;
/// let spec = Spec::of(&pod);
/// assert_eq!(spec.restart, RestartPolicy::OnFailure);
/// assert!(spec.containers[0].init && spec.container("detector").is_some());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Whether containers that ended are started again.
    pub restart: RestartPolicy,
    /// From the request to end until the kill, where a probe ends a run.
    pub grace: Duration,
    /// The init containers in their order, then the others.
    pub containers: Vec<ContainerSpec>,
}

impl ContainerSpec {
    /// A container without probes and hooks.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), init: false, startup: None, liveness: None, readiness: None, pre_stop: None }
    }

    /// The probe of that kind, if it has one.
    #[must_use]
    pub fn probe(&self, kind: ProbeKind) -> Option<&ProbeSpec> {
        match kind {
            ProbeKind::Startup => self.startup.as_ref(),
            ProbeKind::Liveness => self.liveness.as_ref(),
            ProbeKind::Readiness => self.readiness.as_ref(),
        }
    }

    /// Whether its probes can be carried out. One of which nobody could say how it is, is better not started: its liveness probe
    /// would end it again and again, however well it is.
    ///
    /// # Errors
    /// The field, why it cannot, and what to ask for instead.
    ///
    /// ```
    /// use dayu_core::worker::{ContainerSpec, ProbeAction, ProbeSpec};
    ///
    /// let liveness = Some(ProbeSpec::new(ProbeAction::Unsupported("no such port".to_owned())));
    /// let problem = ContainerSpec { liveness, ..ContainerSpec::named("detector") }.watchable().unwrap_err();
    /// assert_eq!(problem.to_string(), "ProbeUnsupported: livenessProbe of container detector: no such port");
    /// ```
    pub fn watchable(&self) -> Result<(), Problem> {
        let probes =
            [("startupProbe", &self.startup), ("livenessProbe", &self.liveness), ("readinessProbe", &self.readiness)];
        for (field, probe) in probes {
            if let Some(ProbeSpec { action: ProbeAction::Unsupported(why), .. }) = probe {
                return Err(Problem::new("ProbeUnsupported", format!("{field} of container {}: {why}", self.name)));
            }
        }
        Ok(())
    }

    fn from_k8s(container: &k8s::Container, init: bool) -> Self {
        let named = container.ports.iter().flatten();
        let ports: BTreeMap<&str, u16> =
            named.filter_map(|port| Some((port.name.as_deref()?, u16::try_from(port.container_port).ok()?))).collect();
        let probe = |probe: &Option<k8s::Probe>| probe.as_ref().map(|probe| ProbeSpec::from_k8s(probe, &ports));
        Self {
            name: container.name.as_str().into(),
            init,
            startup: probe(&container.startup_probe),
            liveness: probe(&container.liveness_probe),
            readiness: probe(&container.readiness_probe),
            pre_stop: container
                .lifecycle
                .as_ref()
                .and_then(|lifecycle| lifecycle.pre_stop.as_ref())
                .map(|hook| PreStop::from_k8s(hook, &ports)),
        }
    }
}

impl Spec {
    /// A worker of these containers that is always restarted, with Kubernetes' defaults otherwise.
    pub fn of_containers(containers: impl IntoIterator<Item = ContainerSpec>) -> Self {
        Self { restart: RestartPolicy::Always, grace: GRACE, containers: containers.into_iter().collect() }
    }

    /// What `pod` asks for. Init containers that are restarted for ever ("sidecars") begin with the others.
    #[must_use]
    pub fn of(pod: &k8s::PodSpec) -> Self {
        let sidecar = |container: &&k8s::Container| container.restart_policy.as_deref() == Some("Always");
        let initial = || pod.init_containers.iter().flatten();
        let init = initial().filter(|container| !sidecar(container));
        let rest = initial().filter(sidecar).chain(&pod.containers);
        Self {
            restart: match pod.restart_policy.as_deref() {
                Some("Never") => RestartPolicy::Never,
                Some("OnFailure") => RestartPolicy::OnFailure,
                _ => RestartPolicy::Always,
            },
            grace: pod
                .termination_grace_period_seconds
                .and_then(|grace| u64::try_from(grace).ok())
                .map_or(GRACE, Duration::from_secs),
            containers: init
                .map(|container| ContainerSpec::from_k8s(container, true))
                .chain(rest.map(|container| ContainerSpec::from_k8s(container, false)))
                .collect(),
        }
    }

    /// The container of that name.
    #[must_use]
    pub fn container(&self, name: &str) -> Option<&ContainerSpec> {
        self.containers.iter().find(|container| &*container.name == name)
    }
}
