//! What a container asks for before it is told to end.
use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::api::core::v1 as k8s;

use super::{ProbeAction, probe};

/// Done between the decision to end a run and its SIGTERM, of whose grace it is a part.
///
/// ```
/// use dayu_core::worker::{PreStop, Spec};
/// use k8s_openapi::api::core::v1::PodSpec;
///
/// let pod: PodSpec = serde_json::from_value(serde_json::json!({
///     "containers": [{"name": "detector", "lifecycle": {"preStop": {"sleep": {"seconds": 5}}}}],
/// }))?;
/// let asked = Spec::of(&pod).containers[0].pre_stop.clone();
/// assert_eq!(asked, Some(PreStop::Sleep(std::time::Duration::from_secs(5))));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreStop {
    /// Time passes, in which those who send it requests learn that it ends.
    Sleep(Duration),
    /// The run is asked, or a command is run beside it.
    Ask(ProbeAction),
}

impl PreStop {
    /// The hook of a container whose named ports are `ports`.
    pub(super) fn from_k8s(hook: &k8s::LifecycleHandler, ports: &BTreeMap<&str, u16>) -> Self {
        if let Some(sleep) = &hook.sleep {
            return Self::Sleep(Duration::from_secs(u64::try_from(sleep.seconds).unwrap_or_default()));
        }
        let k8s::LifecycleHandler { exec, http_get, tcp_socket, .. } = hook.clone();
        Self::Ask(probe::action(&k8s::Probe { exec, http_get, tcp_socket, ..k8s::Probe::default() }, ports))
    }
}
