//! Services and where they lead.

use jiff::Timestamp;
use serde_json::Value;

use crate::table::column::Column;
use crate::table::scalar::{self, number, or};

/// So many are shown.
const SHOWN: usize = 3;

pub(super) fn service() -> Vec<Column> {
    vec![
        Column::name(),
        Column::text("Type", "/spec/type", ""),
        Column::new("Cluster-IP", "string", |service, _| or(&service["spec"]["clusterIP"], "<none>").into()),
        Column::new("External-IP", "string", external),
        Column::new("Port(s)", "string", ports),
        Column::age(),
        Column::new("Selector", "string", |service, _| scalar::labels(&service["spec"]["selector"]).into()).wide(),
    ]
}

fn external(service: &Value, _: Timestamp) -> Value {
    let spec = &service["spec"];
    let addresses: Vec<&str> = spec["externalIPs"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut shown = addresses.join(",");
    match or(&spec["type"], "") {
        "LoadBalancer" => {
            let ingress = service["status"]["loadBalancer"]["ingress"].as_array().into_iter().flatten();
            let given: Vec<&str> = ingress.map(|one| or(&one["ip"], or(&one["hostname"], ""))).collect();
            if !given.is_empty() {
                shown =
                    [shown, given.join(",")].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(",");
            }
            if shown.is_empty() {
                return "<pending>".into();
            }
        }
        "ExternalName" => return or(&spec["externalName"], "<none>").into(),
        _ => {}
    }
    if shown.is_empty() { "<none>".into() } else { shown.into() }
}

fn ports(service: &Value, _: Timestamp) -> Value {
    let ports = service["spec"]["ports"].as_array().into_iter().flatten();
    let ports: Vec<String> = ports
        .map(|port| {
            let (number, protocol) = (scalar::number(&port["port"]), or(&port["protocol"], "TCP"));
            match scalar::number(&port["nodePort"]) {
                0 => format!("{number}/{protocol}"),
                node_port => format!("{number}:{node_port}/{protocol}"),
            }
        })
        .collect();
    if ports.is_empty() { "<none>".into() } else { ports.join(",").into() }
}

pub(super) fn endpoints() -> Vec<Column> {
    vec![Column::name(), Column::new("Endpoints", "string", addresses), Column::age()]
}

fn addresses(endpoints: &Value, _: Timestamp) -> Value {
    let mut all = Vec::new();
    for subset in endpoints["subsets"].as_array().into_iter().flatten() {
        let addresses = || subset["addresses"].as_array().into_iter().flatten().map(|one| or(&one["ip"], ""));
        match subset["ports"].as_array().filter(|ports| !ports.is_empty()) {
            None => all.extend(addresses().map(ToOwned::to_owned)),
            Some(ports) => {
                for port in ports {
                    all.extend(addresses().map(|address| format!("{address}:{}", number(&port["port"]))));
                }
            }
        }
    }
    some(&all, "<none>").into()
}

pub(super) fn slice() -> Vec<Column> {
    vec![
        Column::name(),
        Column::text("AddressType", "/addressType", ""),
        Column::new("Ports", "string", |slice, _| {
            let ports = slice["ports"].as_array().into_iter().flatten();
            let ports: Vec<String> = ports
                .map(|port| {
                    port["port"].as_i64().map_or_else(|| or(&port["name"], "*").to_owned(), |port| port.to_string())
                })
                .collect();
            some(&ports, "<unset>").into()
        }),
        Column::new("Endpoints", "string", |slice, _| {
            let endpoints = slice["endpoints"].as_array().into_iter().flatten();
            let addresses = endpoints.flat_map(|endpoint| endpoint["addresses"].as_array().into_iter().flatten());
            let addresses: Vec<String> = addresses.filter_map(Value::as_str).map(ToOwned::to_owned).collect();
            some(&addresses, "<unset>").into()
        }),
        Column::age(),
    ]
}

/// The first few, and how many more there are.
fn some(all: &[String], none: &str) -> String {
    match all.len() {
        0 => none.into(),
        count if count > SHOWN => format!("{} + {} more...", all[..SHOWN].join(","), count - SHOWN),
        _ => all.join(","),
    }
}
