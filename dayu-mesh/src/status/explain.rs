//! Where a request would go and why, without sending one.
use std::{fmt::Write, net::IpAddr, sync::Arc};

use axum::{
    Json,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use dayu_core::{
    balance::{self, Explained, Explanation, Refusal, Request, SaidBy, Seed, Spilling, hash, policy::BuiltIn},
    directory::Snapshot,
    name::{Device, ServiceKey},
};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::Status;
use crate::{dial, listen::binding::Reach};

/// What the real picks go by, so that an explanation goes by the same.
pub(crate) struct Explain {
    pub(crate) policy: BuiltIn,
    pub(crate) seed: Seed,
    pub(crate) origin: Instant,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    /// `namespace/name`; without a namespace, `default`.
    service: String,
    port: Option<u16>,
    device: Option<String>,
    /// What the request would bring as `x-dayu-key`.
    key: Option<String>,
    /// From where it would come: what a Service with client affinity goes by.
    client: Option<IpAddr>,
    /// `text` for people.
    format: Option<String>,
}

pub(super) async fn explain(State(status): State<Arc<Status>>, Query(asked): Query<Asked>) -> Response {
    let snapshot = status.directory.snapshot();
    let Some(request) = request(&snapshot, &asked, &status.own) else {
        let error = format!("no Service {} is known here; `dayu get services` lists them", asked.service);
        return match asked.format.as_deref() {
            Some("text") => (StatusCode::NOT_FOUND, error + "\n").into_response(),
            _ => (StatusCode::NOT_FOUND, Json(json!({"error": error}))).into_response(),
        };
    };
    let Explain { policy, seed, origin } = &status.explain;
    let explanation = balance::explain(&snapshot, &request, policy, seed.draw(), origin.elapsed());
    match asked.format.as_deref() {
        Some("text") => text(&explanation, &status.own).into_response(),
        _ => Json(explanation).into_response(),
    }
}

fn request(snapshot: &Snapshot, asked: &Asked, own: &Device) -> Option<Request> {
    let (namespace, name) = asked.service.split_once('/').unwrap_or(("default", &asked.service));
    let service = snapshot.service(&ServiceKey::new(namespace, name))?;
    let port = asked.port.or_else(|| service.ports.first().map(|port| port.number)).unwrap_or_default();
    let request = match &asked.device {
        Some(device) => Request::to(service.key.clone(), port).on(Device::from(device.as_str())),
        None => dial::request(service.key.clone(), port, &Reach::of(service), own, None),
    };
    Some(Request { key: asked.key.as_ref().map(|key| hash::bytes(key.as_bytes())), client: asked.client, ..request })
}

fn text(explanation: &Explanation, own: &Device) -> String {
    let Explanation { service, port, policy, policy_by, snapshot, .. } = explanation;
    let device = explanation.device.as_deref().unwrap_or("any device");
    let mut text = format!("Service {service} port {port}, for {device}; asked on {own}; version {snapshot}\n");
    let by = match policy_by {
        SaidBy::Request => "the request has a key",
        SaidBy::Service => "the Service says so (dayu.io/balance)",
        SaidBy::Default => "the mesh's own (--policy)",
    };
    let _ = writeln!(text, "policy {policy}: {by}");
    text.extend(explanation.spilling.iter().map(|rule| spilling(rule, device)));
    text.extend(explanation.ignored.iter().map(|ignored| format!("{ignored}\n")));
    for endpoint in &explanation.endpoints {
        let _ = writeln!(text, "{}", line(endpoint));
    }
    text.extend(explanation.because.iter().map(|why| format!("picked because {why}\n")));
    if explanation.stale {
        text +=
            "stale: this was known before the mesh started; it has not heard the API since (`/v1/troubles` says why)\n";
    }
    if let Some(Refusal { reason, message }) = &explanation.refused {
        let _ = writeln!(text, "refused: {reason}: {message}");
    }
    text
}

fn spilling(rule: &Spilling, device: &str) -> String {
    let Spilling { at, by, leaves, .. } = rule;
    let by = match by {
        SaidBy::Service => "the Service says so (dayu.io/spill)",
        SaidBy::Request => "the request says so",
        SaidBy::Default => "the default",
    };
    let where_to = if *leaves { "any device serves this request" } else { "this request stays there" };
    format!("prefers {device}, spills {at}: {by}; {where_to}\n")
}

fn line(endpoint: &Explained) -> String {
    let Explained { device, address, pod, in_flight, served, latency_us, .. } = endpoint;
    let mark = if endpoint.picked { "→" } else { " " };
    let verdict = match (&endpoint.left_out, endpoint.score) {
        (Some(why), _) => format!("left out by {why}"),
        // A part of a round, or a count, or microseconds.
        (None, Some(score)) if score < 1.0 => format!("score {score:.3}"),
        (None, Some(score)) => format!("score {score:.0}"),
        (None, None) => "not looked at".to_owned(),
    };
    format!(
        "{mark} {device:<16} {pod:<40} {address:<22} {in_flight:>4} in flight {served:>8} served {latency_us:>8} µs  {verdict}"
    )
}
