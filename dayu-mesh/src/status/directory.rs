//! The directory as workers ask for it: what is where, without a Kubernetes client of their own.
use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use dayu_core::{
    api::label,
    directory::{Endpoint, Gate, Port, Service, ServiceRecord},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Status;

#[derive(Deserialize)]
pub(super) struct Which {
    device: Option<String>,
}

/// All Services, or those that a device runs an endpoint of, with that device's endpoints only.
pub(super) async fn services(State(status): State<Arc<Status>>, Query(which): Query<Which>) -> Response {
    let (snapshot, device) = (status.directory.snapshot(), which.device.as_deref());
    let runs = |service: &&Arc<Service>| {
        device.is_none_or(|device| service.ports.iter().any(|port| !port.endpoints.on(device).is_empty()))
    };
    let mut services: Vec<&Arc<Service>> = snapshot.services().filter(runs).collect();
    services.sort_by(|a, b| a.key.cmp(&b.key));
    let services: Vec<Value> = services.into_iter().map(|each| service(each, device)).collect();
    Json(json!({"version": snapshot.version(), "services": services})).into_response()
}

pub(super) async fn devices(State(status): State<Arc<Status>>) -> Response {
    let snapshot = status.directory.snapshot();
    let devices = snapshot
        .devices()
        .map(|device| json!({"name": device.device, "addresses": device.addresses, "ready": device.ready, "roles": device.roles}));
    Json(json!({"version": snapshot.version(), "devices": devices.collect::<Vec<_>>()})).into_response()
}

/// What should listen and does not, and why.
pub(super) async fn listeners(State(status): State<Arc<Status>>) -> Response {
    let failures = status.feed.failures();
    let failed = failures.iter().map(|failure| {
        let binding = &failure.binding;
        let service = binding.service.to_string();
        json!({"service": service, "port": binding.port, "address": failure.address, "reason": failure.reason})
    });
    let nameless = status.feed.nameless();
    let nameless = nameless.iter().map(|nameless| {
        let (address, reason) = &**nameless;
        json!({"service": "names of Services", "port": address.port(), "address": address, "reason": reason})
    });
    Json(json!({"failed": failed.chain(nameless).collect::<Vec<_>>()})).into_response()
}

fn service(service: &Service, device: Option<&str>) -> Value {
    let (route, reason) = match &service.gate {
        Gate::Open => ("unmanaged", None),
        Gate::Applied => ("applied", None),
        Gate::Closed(reason) => ("closed", Some(reason)),
    };
    json!({
        "namespace": service.key.namespace,
        "name": service.key.name,
        "uid": service.uid,
        "addresses": service.addresses,
        "route": route,
        "reason": reason,
        "ports": service.ports.iter().map(|each| port(each, device)).collect::<Vec<_>>(),
        "identity": identity(&service.record),
    })
}

/// Who it is, as far as it says: nobody has to read that out of a name.
fn identity(record: &ServiceRecord) -> Value {
    let label = |name: &str| record.labels.get(name).map(|value| json!(value));
    let number = |text: &Arc<str>| text.parse::<u64>().map_or_else(|_| json!(text), Value::from);
    let said = [
        ("installID", label(label::INSTALL_ID)),
        ("deploymentRevision", record.labels.get(label::DEPLOYMENT_REVISION).map(number)),
        ("runtimeID", label(label::RUNTIME_ID)),
        ("component", label(label::COMPONENT)),
        ("logicalService", Some(&record.logical_service).filter(|name| !name.is_empty()).map(|name| json!(name))),
        ("runtimeServiceUID", label(label::RUNTIME_SERVICE_UID)),
        ("targetNode", record.target.as_ref().map(|device| json!(device))),
        ("jointMultiEdgeService", label(label::JOINT_NAME)),
    ];
    said.into_iter().filter_map(|(field, value)| Some((field, value?))).collect()
}

fn port(port: &Port, device: Option<&str>) -> Value {
    let endpoints = device.map_or_else(|| port.endpoints.all(), |device| port.endpoints.on(device));
    json!({
        "name": port.name,
        "number": port.number,
        "nodePort": port.node_port,
        "endpoints": endpoints.iter().map(endpoint).collect::<Vec<_>>(),
    })
}

fn endpoint(endpoint: &Endpoint) -> Value {
    let pod = endpoint.pod.as_ref();
    json!({
        "device": endpoint.device,
        "address": endpoint.address,
        "pod": pod.map(|pod| &pod.name),
        "podUID": pod.map(|pod| &pod.uid),
        "ready": endpoint.ready,
        "terminating": endpoint.terminating,
        "inFlight": endpoint.load.in_flight(),
    })
}
