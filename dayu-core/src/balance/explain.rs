//! Explain: the same steps as a pick, told.
use std::time::Duration;

use serde::Serialize;

use super::{Candidates, Draw, Error, Ignored, Policy, Request, SpillAt, Target, affinity, outlier, resolve, target};
use crate::directory::{Endpoint, Snapshot};

/// Where a request would go and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Explanation {
    /// `namespace/name` of the Service.
    pub service: String,
    /// Its port.
    pub port: u16,
    /// The device that is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The policy that picks: for a request with a key, consistent hash.
    pub policy: String,
    /// Who says so.
    pub policy_by: SaidBy,
    /// When a device that is only preferred is left, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spilling: Option<Spilling>,
    /// What the Service says of how it is balanced and nobody can read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<Ignored>,
    /// Version of the snapshot that was looked at.
    pub snapshot: u64,
    /// Whether what it knows is from an earlier time: [`Snapshot::is_stale`].
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
    /// What the pick is decided by: [`Policy::because`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Every endpoint, and what became of it.
    pub endpoints: Vec<Explained>,
    /// Why the request would be refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
}

/// Who says how a request is balanced; each overrules those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SaidBy {
    /// The request: by its key, or with the device that it prefers.
    Request,
    /// The Service.
    Service,
    /// Neither: the stack's policy, and never to spill.
    Default,
}

/// When a device that is only preferred is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Spilling {
    /// From how much to do.
    pub at: SpillAt,
    /// Who says so.
    pub by: SaidBy,
    /// Whether this request may go anywhere: for that, or because nothing there is usable.
    pub leaves: bool,
}

/// Why a request would be refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// For machines: [`Error::reason`].
    pub reason: String,
    /// For people.
    pub message: String,
}

/// What became of one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Explained {
    /// The device it runs on.
    pub device: String,
    /// Where it listens.
    pub address: String,
    /// The pod behind it.
    pub pod: String,
    /// Requests in flight.
    pub in_flight: u32,
    /// Requests ever begun, plus the share that a newcomer began with.
    pub served: u64,
    /// Latency estimate in microseconds, as of the newest answer.
    pub latency_us: u64,
    /// The layer that left it out, and why; absent for candidates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// What the policy goes by: of candidates that it compares, the lower, the better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Whether this draw picks it.
    pub picked: bool,
}

/// Explains `request` in `snapshot` at `now`, a duration since the moment that the stack counts from. With the same draw, the
/// real pick picks the same.
///
/// ```
/// use dayu_core::{balance::{Draw, Request, explain, policy::PowerOfTwo}, directory::Directory, name::ServiceKey};
/// use std::time::Duration;
///
/// let request = Request::to(ServiceKey::new("shop", "detector"), 9000);
/// let explanation = explain(&Directory::new().snapshot(), &request, &PowerOfTwo, Draw::new(1), Duration::ZERO);
/// assert_eq!(explanation.refused.map(|refused| refused.reason).as_deref(), Some("NoSuchService"));
/// ```
#[must_use]
pub fn explain<P: Policy>(
    snapshot: &Snapshot,
    request: &Request,
    policy: &P,
    mut draw: Draw,
    now: Duration,
) -> Explanation {
    let mut explanation = Explanation {
        service: request.service.to_string(),
        port: request.port,
        device: request.device().map(ToString::to_string),
        policy: policy.name().to_owned(),
        policy_by: SaidBy::Default,
        spilling: None,
        ignored: Vec::new(),
        snapshot: snapshot.version(),
        stale: snapshot.is_stale(),
        because: None,
        endpoints: Vec::new(),
        refused: None,
    };
    if let Some(service) = snapshot.service(&request.service)
        && let Some(port) = service.port(request.port)
    {
        let all = service.ports[port].endpoints.all();
        explanation.endpoints = all.iter().map(|endpoint| explained(endpoint, now)).collect();
        explanation.ignored.clone_from(&service.balancing.ignored);
    }
    if let Err(error) = narrow(snapshot, request, policy, &mut draw, now, &mut explanation) {
        explanation.refused = Some(Refusal { reason: error.reason().to_owned(), message: error.to_string() });
    }
    explanation
}

fn narrow(
    snapshot: &Snapshot,
    request: &Request,
    policy: &dyn Policy,
    draw: &mut Draw,
    now: Duration,
    Explanation { endpoints, policy: named, policy_by, spilling, because, .. }: &mut Explanation,
) -> Result<(), Error> {
    let mut candidates = resolve::resolve(snapshot, request.clone(), now)?;
    candidates.rehearses = true;
    let narrowed = target::narrow(&mut candidates);
    outlier::spare(&mut candidates);
    affinity::key(&mut candidates);
    *spilling = self::spilling(&candidates);
    let (policy, by) = candidates.in_force(policy);
    let said = candidates.service.balancing.policy.filter(|_| by == SaidBy::Service);
    *named = said.map_or_else(|| policy.name().to_owned(), |said| said.to_string());
    *policy_by = by;
    for (at, endpoint) in endpoints.iter_mut().enumerate() {
        if !candidates.range.contains(&at) {
            endpoint.left_out = Some("target device: another device is meant".to_owned());
        } else if !candidates.all()[at].ready {
            endpoint.left_out = Some("resolve: not ready".to_owned());
        }
    }
    narrowed?;
    for at in 0..candidates.len() {
        let endpoint = &mut endpoints[candidates.range.start + at];
        if candidates.is_usable(at) {
            endpoint.score = Some(policy.score(&candidates, at));
        } else if endpoint.left_out.is_none() {
            endpoint.left_out = Some("outlier: ejected after failures in a row".to_owned());
        }
    }
    let mut same = *draw;
    let picked = policy.pick(&candidates, draw).ok_or_else(|| candidates.refusal())?;
    *because = policy.because(&candidates, &mut same);
    endpoints[candidates.range.start + picked].picked = true;
    Ok(())
}

fn spilling(candidates: &Candidates) -> Option<Spilling> {
    let Target::Prefer { device, spill_at } = &candidates.request.target else { return None };
    let (at, by) = candidates.spill_at(*spill_at);
    Some(Spilling { at, by, leaves: candidates.range != candidates.set().range(device.as_str()) })
}

fn explained(endpoint: &Endpoint, now: Duration) -> Explained {
    Explained {
        device: endpoint.device.to_string(),
        address: endpoint.address.to_string(),
        pod: endpoint.pod.as_ref().map(|pod| pod.name.to_string()).unwrap_or_default(),
        in_flight: endpoint.load.in_flight(),
        served: endpoint.load.served(),
        latency_us: u64::try_from(endpoint.load.latency(now).as_micros()).unwrap_or(u64::MAX),
        left_out: None,
        score: None,
        picked: false,
    }
}
