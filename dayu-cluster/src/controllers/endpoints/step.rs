//! What the slices and the Endpoints of a Service say. Pure.
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::IndexMut,
};

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{labels::Selector, pod::Pod};
use crate::store::{Labels, Meta, Object};

/// Who writes the slices.
const MANAGED_BY: &str = "endpointslice-controller.k8s.io";
/// Annotation of the Endpoints that this controller wrote: when.
pub(super) const CHANGED_AT: &str = "endpoints.kubernetes.io/last-change-trigger-time";
const HEADLESS: &str = "service.kubernetes.io/headless";

/// What a Service asks for.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Wish {
    pub(super) spec: Spec,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Spec {
    selector: Labels,
    r#type: Box<str>,
    #[serde(rename = "clusterIP")]
    cluster_ip: Box<str>,
    ports: Vec<Port>,
    publish_not_ready_addresses: bool,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Port {
    name: Box<str>,
    protocol: Box<str>,
    port: u16,
    target_port: Option<TargetPort>,
    app_protocol: Option<Box<str>>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum TargetPort {
    Number(u16),
    Name(Box<str>),
}

/// One pod behind a Service.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Backend {
    pub(super) address: Box<str>,
    pub(super) node: Option<Box<str>>,
    /// Its name within the Service.
    pub(super) hostname: Option<Box<str>>,
    pub(super) pod: Box<str>,
    pub(super) uid: Box<str>,
    pub(super) ready: bool,
    pub(super) terminating: bool,
    /// Number of each of the Service's ports on this pod; none where the pod lacks a port of that name.
    pub(super) ports: Vec<Option<u16>>,
}

impl Wish {
    pub(super) fn selects_pods(&self) -> bool {
        !self.spec.selector.is_empty() && &*self.spec.r#type != "ExternalName"
    }

    pub(super) fn selector(&self) -> Selector {
        Selector::of(self.spec.selector.clone())
    }

    /// The pod as an endpoint, once it has an address and until it has ended.
    pub(super) fn backend(&self, service: &Meta, object: &Object, pod: &Pod) -> Option<Backend> {
        let address = pod.status.pod_ip.clone().filter(|address| !address.is_empty() && !pod.has_ended())?;
        Some(Backend {
            address,
            node: pod.spec.node_name.clone(),
            hostname: pod.spec.hostname.clone().filter(|_| pod.spec.subdomain.as_ref() == Some(&service.name)),
            pod: object.meta.name.clone(),
            uid: object.meta.uid.clone(),
            ready: pod.is_ready(),
            terminating: object.meta.is_terminating(),
            ports: self.ports(pod),
        })
    }

    pub(super) fn ports(&self, pod: &Pod) -> Vec<Option<u16>> {
        let number = |port: &Port| match &port.target_port {
            None => Some(port.port),
            Some(TargetPort::Number(number)) => Some(*number),
            Some(TargetPort::Name(name)) => pod.port(name),
        };
        self.spec.ports.iter().map(number).collect()
    }
}

impl Backend {
    fn serves(&self, wish: &Wish) -> bool {
        wish.spec.publish_not_ready_addresses || (self.ready && !self.terminating)
    }
}

/// `<service>-<5>`, with a number behind from the second on: the same for the same Service, so that a restart finds what it
/// wrote.
pub(super) fn slice_name(service: &str, at: usize) -> String {
    let suffix = super::super::hash::letters::<5>(service.as_bytes());
    if at == 0 { format!("{service}-{suffix}") } else { format!("{service}-{suffix}{at}") }
}

/// One slice for each different set of port numbers among the backends; one without endpoints where there is none.
pub(super) fn slices(service: &Meta, wish: &Wish, backends: &[Backend]) -> Vec<Value> {
    let sets: BTreeSet<&[Option<u16>]> = backends.iter().map(|backend| backend.ports.as_slice()).collect();
    let none = vec![None; wish.spec.ports.len()];
    let sets: Vec<&[Option<u16>]> = if sets.is_empty() { vec![&none] } else { sets.into_iter().collect() };
    sets.into_iter()
        .enumerate()
        .map(|(at, ports)| {
            let name = slice_name(&service.name, at);
            let members = backends.iter().filter(|backend| backend.ports == ports);
            slice(service, wish, &name, ports, members)
        })
        .collect()
}

fn slice<'a>(
    service: &Meta,
    wish: &Wish,
    name: &str,
    ports: &[Option<u16>],
    members: impl Iterator<Item = &'a Backend>,
) -> Value {
    let mut labels = labels(service, wish);
    labels["kubernetes.io/service-name"] = service.name.as_ref().into();
    labels["endpointslice.kubernetes.io/managed-by"] = MANAGED_BY.into();
    let ports: Vec<Value> =
        wish.spec.ports.iter().zip(ports).filter_map(|(port, number)| Some(port_of(port, (*number)?, true))).collect();
    let endpoints: Vec<Value> = members
        .map(|backend| {
            let conditions =
                json!({"ready": backend.serves(wish), "serving": backend.ready, "terminating": backend.terminating});
            located(json!({"addresses": [backend.address], "conditions": conditions}), service, backend)
        })
        .collect();
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": name,
            "namespace": service.namespace,
            "generateName": format!("{}-", service.name),
            "labels": labels,
            "ownerReferences": [{
                "apiVersion": "v1", "kind": "Service", "name": service.name, "uid": service.uid,
                "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "addressType": "IPv4",
        "ports": ports,
        "endpoints": endpoints,
    })
}

/// Addresses that share their port numbers.
#[derive(Default)]
struct Subset {
    ready: Vec<Value>,
    not_ready: Vec<Value>,
}

/// The Endpoints object: addresses of one port set together, ready and not ready apart.
pub(super) fn endpoints(service: &Meta, wish: &Wish, backends: &[Backend], now: &str) -> Value {
    let mut sets: BTreeMap<&[Option<u16>], Subset> = BTreeMap::new();
    for backend in backends.iter().filter(|backend| !backend.terminating) {
        let address = located(json!({"ip": backend.address}), service, backend);
        let subset = sets.entry(&backend.ports).or_default();
        if backend.serves(wish) { subset.ready.push(address) } else { subset.not_ready.push(address) }
    }
    let subsets: Vec<Value> = sets
        .into_iter()
        .map(|(numbers, Subset { ready, not_ready })| {
            let ports = wish.spec.ports.iter().zip(numbers);
            let ports: Vec<Value> = ports.filter_map(|(port, number)| Some(port_of(port, (*number)?, false))).collect();
            let mut subset = json!({"ports": ports});
            for (field, addresses) in [("addresses", ready), ("notReadyAddresses", not_ready)] {
                if !addresses.is_empty() {
                    subset[field] = addresses.into();
                }
            }
            subset
        })
        .collect();
    let mut labels = labels(service, wish);
    labels["endpoints.kubernetes.io/managed-by"] = "endpoint-controller".into();
    json!({
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "name": service.name,
            "namespace": service.namespace,
            "labels": labels,
            "annotations": {CHANGED_AT: now},
        },
        "subsets": subsets,
    })
}

fn labels(service: &Meta, wish: &Wish) -> Value {
    let mut labels = json!(service.labels);
    if &*wish.spec.cluster_ip == "None" {
        labels[HEADLESS] = "".into();
    }
    labels
}

fn port_of(port: &Port, number: u16, always_named: bool) -> Value {
    let protocol = if port.protocol.is_empty() { "TCP" } else { &port.protocol };
    let mut value = json!({"port": number, "protocol": protocol});
    if always_named || !port.name.is_empty() {
        value["name"] = port.name.as_ref().into();
    }
    if let Some(protocol) = &port.app_protocol {
        value["appProtocol"] = protocol.as_ref().into();
    }
    value
}

/// Adds which pod the address is of, on which node, and what it is called.
fn located(mut endpoint: Value, service: &Meta, backend: &Backend) -> Value {
    let pod = json!({"kind": "Pod", "namespace": service.namespace, "name": backend.pod, "uid": backend.uid});
    endpoint["targetRef"] = pod;
    if let Some(node) = &backend.node {
        endpoint["nodeName"] = node.as_ref().into();
    }
    if let Some(hostname) = &backend.hostname {
        endpoint["hostname"] = hostname.as_ref().into();
    }
    endpoint
}

/// Makes the present object say what `wanted` says; the time of the change is not a change by itself.
pub(super) fn bring_to(present: &mut impl for<'a> IndexMut<&'a str, Output = Value>, wanted: &Value) {
    let same = ["subsets", "endpoints", "ports"].iter().all(|field| present[field] == wanted[field])
        && present["metadata"]["labels"] == wanted["metadata"]["labels"]
        && present["metadata"]["ownerReferences"] == wanted["metadata"]["ownerReferences"];
    if same {
        return;
    }
    for field in ["subsets", "endpoints", "ports"] {
        if !wanted[field].is_null() {
            present[field] = wanted[field].clone();
        }
    }
    for field in ["labels", "annotations", "ownerReferences"] {
        if !wanted["metadata"][field].is_null() {
            present["metadata"][field] = wanted["metadata"][field].clone();
        }
    }
}
