//! What the slices and the Endpoints of a Service say. Pure.
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::pod::Pod;
use crate::store::Meta;

/// Who writes the slices.
const MANAGED_BY: &str = "endpointslice-controller.k8s.io";
const HEADLESS: &str = "service.kubernetes.io/headless";

/// What a Service asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wish {
    pub(super) spec: Spec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Spec {
    pub(super) selector: BTreeMap<Box<str>, Box<str>>,
    r#type: Box<str>,
    #[serde(rename = "clusterIP")]
    cluster_ip: Box<str>,
    ports: Vec<Port>,
    publish_not_ready_addresses: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Port {
    name: Box<str>,
    protocol: Box<str>,
    port: u16,
    target_port: Option<TargetPort>,
    app_protocol: Option<Box<str>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum TargetPort {
    Number(u16),
    Name(Box<str>),
}

/// One pod behind a Service.
#[derive(Clone, Debug)]
pub(super) struct Backend {
    pub(super) address: Box<str>,
    pub(super) node: Option<Box<str>>,
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
        (self.ready || wish.spec.publish_not_ready_addresses) && !self.terminating
    }
}

/// `<service>-<5>`: the same for the same Service, so that a restart finds what it wrote.
pub(super) fn slice_name(service: &str) -> String {
    use sha2::{Digest, Sha256};
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let digest = Sha256::digest(service.as_bytes());
    let suffix: String = digest.iter().take(5).map(|byte| char::from(ALPHABET[usize::from(*byte) % 27])).collect();
    format!("{service}-{suffix}")
}

/// One slice for each different set of port numbers among the backends; one without endpoints where there is none.
pub(super) fn slices(service: &Meta, wish: &Wish, backends: &[Backend]) -> Vec<Value> {
    let sets: BTreeSet<&[Option<u16>]> = backends.iter().map(|backend| backend.ports.as_slice()).collect();
    let none = vec![None; wish.spec.ports.len()];
    let sets: Vec<&[Option<u16>]> = if sets.is_empty() { vec![&none] } else { sets.into_iter().collect() };
    let base = slice_name(&service.name);
    sets.into_iter()
        .enumerate()
        .map(|(at, ports)| {
            let name = if at == 0 { base.clone() } else { format!("{base}{at}") };
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
            json!({
                "addresses": [backend.address],
                "conditions": {"ready": backend.serves(wish), "serving": backend.ready, "terminating": backend.terminating},
                "nodeName": backend.node,
                "targetRef": target(service, backend),
            })
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

/// The Endpoints object: addresses of one port set together, ready and not ready apart.
pub(super) fn endpoints(service: &Meta, wish: &Wish, backends: &[Backend], now: &str) -> Value {
    let mut sets: BTreeMap<&[Option<u16>], (Vec<Value>, Vec<Value>)> = BTreeMap::new();
    for backend in backends.iter().filter(|backend| !backend.terminating) {
        let address = json!({"ip": backend.address, "nodeName": backend.node, "targetRef": target(service, backend)});
        let (ready, not_ready) = sets.entry(&backend.ports).or_default();
        if backend.serves(wish) { ready.push(address) } else { not_ready.push(address) }
    }
    let subsets: Vec<Value> = sets
        .into_iter()
        .map(|(numbers, (ready, not_ready))| {
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
    json!({
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "name": service.name,
            "namespace": service.namespace,
            "labels": labels(service, wish),
            "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": now},
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

fn target(service: &Meta, backend: &Backend) -> Value {
    json!({"kind": "Pod", "namespace": service.namespace, "name": backend.pod, "uid": backend.uid})
}

/// Makes the present object say what `wanted` says; the time of the change is not a change by itself.
pub(super) fn bring_to(present: &mut Value, wanted: &Value) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> (Meta, Wish) {
        let value = json!({
            "metadata": {"name": "det", "namespace": "ns", "uid": "s", "labels": {"a": "b"}},
            "spec": {"selector": {"app": "x"}, "ports": [
                {"name": "web", "port": 80, "targetPort": "http", "protocol": "TCP"}, {"name": "raw", "port": 9000}]},
        });
        (serde_json::from_value(value["metadata"].clone()).unwrap(), serde_json::from_value(value).unwrap())
    }

    fn backend(pod: &str, ready: bool, terminating: bool, wish: &Wish, http: Option<u16>) -> Backend {
        let ports: Vec<Value> = http.iter().map(|port| json!({"name": "http", "containerPort": port})).collect();
        let parsed: Pod = serde_json::from_value(json!({"spec": {"containers": [{"ports": ports}]}})).unwrap();
        Backend {
            address: "127.64.1.2".into(),
            node: Some("edge1".into()),
            pod: pod.into(),
            uid: format!("u-{pod}").into(),
            ready,
            terminating,
            ports: wish.ports(&parsed),
        }
    }

    #[test]
    fn named_ports_are_looked_up_on_each_pod_and_differing_ones_get_their_own_slice() {
        let (meta, wish) = service();
        let backends = [
            backend("a", true, false, &wish, Some(8080)),
            backend("b", true, false, &wish, Some(8081)),
            backend("c", true, false, &wish, None),
        ];
        let slices = slices(&meta, &wish, &backends);
        let ports: Vec<String> = slices.iter().map(|slice| slice["ports"].to_string()).collect();
        assert_eq!(slices.len(), 3, "{ports:?}");
        assert!(ports[0].contains("9000") && !ports[0].contains("web"), "{ports:?}");
        assert!(ports[1].contains("8080") && ports[2].contains("8081"), "{ports:?}");
        assert_eq!(slices[1]["metadata"]["labels"]["kubernetes.io/service-name"], "det");
    }

    #[test]
    fn readiness_and_departure_are_told() {
        let (meta, wish) = service();
        let backends = [backend("a", false, false, &wish, Some(1)), backend("b", true, true, &wish, Some(1))];
        let slice = &slices(&meta, &wish, &backends)[0];
        let conditions: Vec<String> =
            slice["endpoints"].as_array().unwrap().iter().map(|endpoint| endpoint["conditions"].to_string()).collect();
        assert_eq!(
            conditions,
            [
                r#"{"ready":false,"serving":false,"terminating":false}"#,
                r#"{"ready":false,"serving":true,"terminating":true}"#
            ]
        );
        let endpoints = endpoints(&meta, &wish, &backends, "now");
        assert_eq!(endpoints["subsets"][0]["notReadyAddresses"].as_array().unwrap().len(), 1);
        assert!(endpoints["subsets"][0]["addresses"].is_null());
    }

    #[test]
    fn an_equal_object_is_left_alone_whatever_the_time() {
        let (meta, wish) = service();
        let mut present = endpoints(&meta, &wish, &[], "earlier");
        let before = present.clone();
        bring_to(&mut present, &endpoints(&meta, &wish, &[], "later"));
        assert_eq!(present, before);
    }
}
