//! Every rule that a managed Service and its endpoints must keep, in order; the first broken one is the reason.
use std::sync::Arc;

use super::LABELS;
use crate::{
    api::{annotation, label},
    directory::{Identity, PodRef, ServiceRecord, SliceRecord},
    name::{Device, Revision, Uid},
};

/// What a valid pair of Service and endpoints comes down to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Valid {
    pub(super) identity: Identity,
    /// The ready pod that stands for the route: the first by name.
    pub(super) pod: PodRef,
    pub(super) address: std::net::IpAddr,
    pub(super) port: u16,
}

/// Who the Service says it is, as far as it does.
pub(super) fn identity(service: &ServiceRecord) -> Result<Identity, String> {
    let mut values: [Arc<str>; 6] = std::array::from_fn(|_| "".into());
    for (value, label) in values.iter_mut().zip(LABELS) {
        *value = service
            .labels
            .get(label)
            .filter(|value| !value.is_empty())
            .cloned()
            .ok_or(format!("label {label} is missing"))?;
    }
    let [managed, install_id, revision, runtime_id, component, runtime_service] = values;
    if &*managed != "true" {
        return Err(format!("label {} is not \"true\"", label::MESH_MANAGED));
    }
    if service.uid.as_str().is_empty() {
        return Err("Service UID is missing".to_owned());
    }
    if runtime_id != service.key.name {
        return Err(format!("label {} is not the Service's name", label::RUNTIME_ID));
    }
    let target: Device =
        service.target.clone().ok_or_else(|| format!("annotation {} is missing", annotation::TARGET_NODE))?;
    let revision =
        revision.parse().ok().filter(|revision| *revision >= 1).ok_or("deployment revision is not a number from 1")?;
    let runtime_service = Uid::from(&*runtime_service);
    Ok(Identity { install_id, revision: Revision(revision), runtime_id, component, runtime_service, target })
}

/// Checks the Service by itself, then its endpoints, then the two together.
pub(super) fn check(service: &ServiceRecord, slices: &[Arc<SliceRecord>]) -> Result<Valid, String> {
    let identity = identity(service)?;
    if slices.is_empty() {
        return Err("managed endpoints temporarily unavailable".to_owned());
    }
    for label in LABELS {
        let differs = |slice: &Arc<SliceRecord>| slice.labels.get(label) != service.labels.get(label);
        if slices.iter().any(differs) {
            return Err(format!("label {label} of Service and endpoints differ"));
        }
    }
    check_service(service)?;
    check_ports(service, slices)?;
    check_endpoints(&identity, service, slices)
}

fn check_service(service: &ServiceRecord) -> Result<(), String> {
    if &*service.kind != "ClusterIP" || service.addresses.is_empty() {
        return Err("Service is not of type ClusterIP with a cluster address".to_owned());
    }
    if service.ports.is_empty() {
        return Err("Service has no port".to_owned());
    }
    for port in &service.ports {
        if port.name.is_empty() || &*port.protocol != "TCP" || port.node_port.is_some() {
            return Err(format!("port {} is not a named TCP port without node port", port.number));
        }
        if port.target != Some(port.number) {
            return Err(format!("port {} and its target port differ", port.number));
        }
    }
    Ok(())
}

fn check_ports(service: &ServiceRecord, slices: &[Arc<SliceRecord>]) -> Result<(), String> {
    for slice in slices.iter().filter(|slice| !slice.endpoints.is_empty()) {
        for port in &service.ports {
            if !slice.ports.iter().any(|(name, number)| *name == port.name && *number == port.number) {
                return Err(format!("endpoints lack port {} with number {}", port.name, port.number));
            }
        }
    }
    Ok(())
}

fn check_endpoints(identity: &Identity, service: &ServiceRecord, slices: &[Arc<SliceRecord>]) -> Result<Valid, String> {
    let mut ready: Option<(&PodRef, std::net::IpAddr)> = None;
    for endpoint in slices.iter().flat_map(|slice| &slice.endpoints) {
        if endpoint.device.as_ref() != Some(&identity.target) {
            return Err(format!("an endpoint is not on target device {}", identity.target));
        }
        let pod = endpoint.pod.as_ref().ok_or("an endpoint has no pod")?;
        if pod.name.is_empty() || pod.uid.as_str().is_empty() {
            return Err("an endpoint's pod has no name or UID".to_owned());
        }
        if endpoint.ready && ready.is_none_or(|(first, _)| pod.name < first.name) {
            ready = Some((pod, endpoint.address));
        }
    }
    let (pod, address) = ready.ok_or("no endpoint is ready")?;
    let port = service.ports.first().map(|port| port.number).unwrap_or_default();
    Ok(Valid { identity: identity.clone(), pod: pod.clone(), address, port })
}
