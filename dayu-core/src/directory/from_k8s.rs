//! Records out of Kubernetes' own types.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use k8s_openapi::{
    api::{
        core::v1::{Node, Service},
        discovery::v1::EndpointSlice,
    },
    apimachinery::pkg::{apis::meta::v1::ObjectMeta, util::intstr::IntOrString},
};

use super::{DeviceRecord, EndpointRecord, PodRef, PortRecord, ServiceRecord, SliceRecord};
use crate::{
    api::{
        annotation::{BALANCE, LOGICAL_SERVICE, SPILL, TARGET_NODE},
        label::{JOINT_NAME, NODE_ROLE, SERVICE_PROXY_NAME},
    },
    name::{Device, ServiceKey, Uid},
    route::LABELS,
};

/// The label that ties a slice to its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// Labels of Services that meshes of EdgeMesh's kind leave to others, whatever their value.
const LEFT: [&str; 2] = ["service.edgemesh.kubeedge.io/service-proxy-name", "service.kubernetes.io/headless"];
const EXTERNAL_NAME: &str = "ExternalName";
/// The older label of a Node that says what it is for, by its value.
const OLDER_ROLE: &str = "kubernetes.io/role";

impl From<&Service> for ServiceRecord {
    fn from(service: &Service) -> Self {
        let spec = service.spec.clone().unwrap_or_default();
        let addresses = spec.cluster_ips.or_else(|| spec.cluster_ip.map(|address| vec![address])).unwrap_or_default();
        let ports = spec.ports.unwrap_or_default().into_iter().map(|port| PortRecord {
            name: port.name.unwrap_or_default().into(),
            protocol: port.protocol.unwrap_or_else(|| "TCP".to_owned()).into(),
            number: number(port.port),
            node_port: port.node_port.map(number).filter(|number| *number > 0),
            target: match port.target_port {
                None => Some(number(port.port)),
                Some(IntOrString::Int(target)) => Some(number(target)),
                Some(IntOrString::String(_)) => None,
            },
        });
        let affinity = (spec.session_affinity.as_deref() == Some("ClientIP")).then(|| {
            let seconds = spec.session_affinity_config.and_then(|config| config.client_ip?.timeout_seconds);
            seconds.and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or(10_800)
        });
        let kind = spec.type_.unwrap_or_else(|| "ClusterIP".to_owned());
        let alias = spec.external_name.filter(|_| kind == EXTERNAL_NAME);
        let annotation = |name: &str| service.metadata.annotations.as_ref().and_then(|all| all.get(name));
        Self {
            key: key(&service.metadata),
            uid: uid(&service.metadata),
            version: version(&service.metadata),
            carried: kind != EXTERNAL_NAME && is_carried(&service.metadata),
            kind: kind.into(),
            alias: alias.map(|name| name.trim_end_matches('.').to_ascii_lowercase().into()),
            addresses: addresses.iter().filter_map(|address| address.parse().ok()).collect(),
            ports: ports.collect(),
            affinity,
            labels: labels(&service.metadata, |label| label == JOINT_NAME || LABELS.contains(&label)),
            target: annotation(TARGET_NODE).filter(|node| !node.is_empty()).map(|node| Device::from(node.as_str())),
            logical_service: annotation(LOGICAL_SERVICE).map(String::as_str).unwrap_or_default().into(),
            balance: annotation(BALANCE).map(|said| said.as_str().into()),
            spill: annotation(SPILL).map(|said| said.as_str().into()),
        }
    }
}

impl From<&EndpointSlice> for SliceRecord {
    fn from(slice: &EndpointSlice) -> Self {
        let meta = &slice.metadata;
        let service = meta.labels.as_ref().and_then(|labels| labels.get(SERVICE_NAME));
        let ports =
            slice.ports.iter().flatten().filter_map(|port| {
                Some((port.name.clone().unwrap_or_default().into(), u16::try_from(port.port?).ok()?))
            });
        let endpoints = slice.endpoints.iter().flatten().flat_map(|endpoint| {
            let conditions = endpoint.conditions.clone().unwrap_or_default();
            let pod = endpoint.target_ref.as_ref().filter(|target| target.kind.as_deref() == Some("Pod"));
            let pod = pod.and_then(|pod| {
                Some(PodRef { name: pod.name.as_deref()?.into(), uid: Uid::from(pod.uid.as_deref()?) })
            });
            let device = endpoint.node_name.as_deref().map(Device::from);
            let hostname: Option<Arc<str>> = endpoint.hostname.as_deref().map(Into::into);
            // An absent condition counts as ready; an absent serving condition follows readiness.
            let ready = conditions.ready.unwrap_or(true);
            endpoint.addresses.iter().filter_map(|text| text.parse().ok()).map(move |address| EndpointRecord {
                address,
                device: device.clone(),
                pod: pod.clone(),
                hostname: hostname.clone(),
                ready,
                serving: conditions.serving.unwrap_or(ready),
                terminating: conditions.terminating.unwrap_or_default(),
                weight: 1,
            })
        });
        Self {
            namespace: meta.namespace.as_deref().unwrap_or_default().into(),
            name: meta.name.as_deref().unwrap_or_default().into(),
            service: service.map(String::as_str).unwrap_or_default().into(),
            version: version(meta),
            labels: labels(meta, |label| LABELS.contains(&label)),
            ports: ports.collect(),
            endpoints: endpoints.collect(),
        }
    }
}

impl From<&Node> for DeviceRecord {
    fn from(node: &Node) -> Self {
        let status = node.status.clone().unwrap_or_default();
        let internal = |kind: &str| kind == "InternalIP";
        let addresses = status.addresses.unwrap_or_default();
        let ready = status.conditions.unwrap_or_default().iter().any(|c| c.type_ == "Ready" && c.status == "True");
        Self {
            device: Device::from(node.metadata.name.as_deref().unwrap_or_default()),
            version: version(&node.metadata),
            addresses: addresses.iter().filter(|a| internal(&a.type_)).filter_map(|a| a.address.parse().ok()).collect(),
            ready: ready && node.metadata.deletion_timestamp.is_none(),
            roles: roles(&node.metadata),
        }
    }
}

/// Unless another proxy does: kube-proxy knows one that is named, and an empty name as a word to itself alone.
fn is_carried(meta: &ObjectMeta) -> bool {
    let label = |name: &str| meta.labels.as_ref().and_then(|all| all.get(name));
    label(SERVICE_PROXY_NAME).is_none_or(String::is_empty) && LEFT.iter().all(|name| label(name).is_none())
}

fn roles(meta: &ObjectMeta) -> Vec<Arc<str>> {
    let named: BTreeSet<&str> = meta.labels.iter().flatten().filter_map(role).collect();
    named.into_iter().map(Arc::from).collect()
}

fn role<'a>((label, value): (&'a String, &'a String)) -> Option<&'a str> {
    label.strip_prefix(NODE_ROLE).or((label == OLDER_ROLE).then_some(value)).filter(|role| !role.is_empty())
}

/// Only the labels that are read; the others would be memory for nothing.
fn labels(meta: &ObjectMeta, is_read: impl Fn(&str) -> bool) -> BTreeMap<Arc<str>, Arc<str>> {
    let all = meta.labels.iter().flatten().filter(|(key, _)| is_read(key));
    all.map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect()
}

fn key(meta: &ObjectMeta) -> ServiceKey {
    ServiceKey::new(meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}

fn uid(meta: &ObjectMeta) -> Uid {
    Uid::from(meta.uid.as_deref().unwrap_or_default())
}

fn version(meta: &ObjectMeta) -> u64 {
    meta.resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn number(port: i32) -> u16 {
    u16::try_from(port).unwrap_or_default()
}
