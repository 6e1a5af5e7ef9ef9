//! Probes as a pod asks for them.
use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::{api::core::v1 as k8s, apimachinery::pkg::util::intstr::IntOrString};

/// What a probe decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProbeKind {
    /// Whether the other probes may begin; failure ends the run.
    Startup,
    /// Whether the run may go on; failure ends it.
    Liveness,
    /// Whether requests may be sent to it.
    Readiness,
}

/// `http` or `https`; certificates are not checked, as in Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain.
    Http,
    /// TLS.
    Https,
}

/// What is asked of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeAction {
    /// A GET that must answer 200 to 399.
    Http {
        /// Where to connect; the worker's own address when absent.
        host: Option<String>,
        /// The port.
        port: u16,
        /// Path and query.
        path: String,
        /// Plain or TLS.
        scheme: Scheme,
        /// Headers to send.
        headers: Vec<(String, String)>,
    },
    /// A connection that must be accepted.
    Tcp {
        /// Where to connect; the worker's own address when absent.
        host: Option<String>,
        /// The port.
        port: u16,
    },
    /// A command that must exit with 0.
    Exec(Vec<String>),
    /// Something that cannot be carried out, for this reason: see [`ContainerSpec::watchable`](super::ContainerSpec::watchable).
    Unsupported(String),
}

/// A probe with its timings, as Kubernetes defines and defaults them.
///
/// ```
/// use dayu_core::worker::{ProbeAction, ProbeSpec};
/// use std::time::Duration;
///
/// let probe = ProbeSpec { period: Duration::from_secs(2), ..ProbeSpec::new(ProbeAction::Tcp { host: None, port: 9000 }) };
/// assert_eq!((probe.timeout, probe.failure_threshold), (Duration::from_secs(1), 3));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeSpec {
    /// What is asked.
    pub action: ProbeAction,
    /// From the start of the run to the first probe.
    pub initial_delay: Duration,
    /// From one probe to the next.
    pub period: Duration,
    /// An answer after this is a failure.
    pub timeout: Duration,
    /// Successes in a row that turn the verdict.
    pub success_threshold: u32,
    /// Failures in a row that turn the verdict.
    pub failure_threshold: u32,
}

impl ProbeSpec {
    /// `action` with the timings that Kubernetes gives a probe that names none.
    #[must_use]
    pub fn new(action: ProbeAction) -> Self {
        Self {
            action,
            initial_delay: Duration::ZERO,
            period: Duration::from_secs(10),
            timeout: Duration::from_secs(1),
            success_threshold: 1,
            failure_threshold: 3,
        }
    }

    /// The probe of a container whose named ports are `ports`.
    #[must_use]
    pub(super) fn from_k8s(probe: &k8s::Probe, ports: &BTreeMap<&str, u16>) -> Self {
        let seconds = |value: Option<i32>, default: Duration| {
            value.and_then(|value| u64::try_from(value).ok()).map_or(default, Duration::from_secs)
        };
        let count = |value: Option<i32>, default: u32| {
            value.and_then(|value| u32::try_from(value).ok()).filter(|value| *value > 0).unwrap_or(default)
        };
        let defaults = Self::new(action(probe, ports));
        Self {
            initial_delay: seconds(probe.initial_delay_seconds, defaults.initial_delay),
            period: seconds(probe.period_seconds.filter(|period| *period > 0), defaults.period),
            timeout: seconds(probe.timeout_seconds.filter(|timeout| *timeout > 0), defaults.timeout),
            success_threshold: count(probe.success_threshold, defaults.success_threshold),
            failure_threshold: count(probe.failure_threshold, defaults.failure_threshold),
            ..defaults
        }
    }
}

pub(super) fn action(probe: &k8s::Probe, ports: &BTreeMap<&str, u16>) -> ProbeAction {
    let unknown = |field: &str, port: &IntOrString| {
        let port = match port {
            IntOrString::Int(number) => number.to_string(),
            IntOrString::String(name) => format!("{name:?}"),
        };
        let remedy = "give its number, or a name that ports has";
        ProbeAction::Unsupported(format!("{field}.port {port} is no port of the container; {remedy}"))
    };
    if let Some(exec) = &probe.exec {
        return ProbeAction::Exec(exec.command.clone().unwrap_or_default());
    }
    if let Some(tcp) = &probe.tcp_socket {
        let Some(port) = number(&tcp.port, ports) else { return unknown("tcpSocket", &tcp.port) };
        return ProbeAction::Tcp { host: tcp.host.clone(), port };
    }
    if let Some(http) = &probe.http_get {
        let Some(port) = number(&http.port, ports) else { return unknown("httpGet", &http.port) };
        let headers = http.http_headers.iter().flatten();
        let path = http.path.as_deref().unwrap_or("/");
        return ProbeAction::Http {
            host: http.host.clone(),
            port,
            path: if path.starts_with('/') { path.to_owned() } else { format!("/{path}") },
            scheme: if http.scheme.as_deref() == Some("HTTPS") { Scheme::Https } else { Scheme::Http },
            headers: headers.map(|header| (header.name.clone(), header.value.clone())).collect(),
        };
    }
    let asked = if probe.grpc.is_some() { "grpc is not carried out by a local manager" } else { "it asks nothing" };
    ProbeAction::Unsupported(format!("{asked}; ask by httpGet, tcpSocket or exec"))
}

fn number(port: &IntOrString, ports: &BTreeMap<&str, u16>) -> Option<u16> {
    match port {
        IntOrString::Int(number) => u16::try_from(*number).ok(),
        IntOrString::String(name) => ports.get(name.as_str()).copied().or_else(|| name.parse().ok()),
    }
}
