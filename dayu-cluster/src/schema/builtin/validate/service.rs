//! Services.

use std::collections::HashSet;

use serde_json::Value;

use super::{each, is_dns1123_label, labels, one_of, port, text};
use crate::schema::Cause;

pub(super) fn service(value: &Value, causes: &mut Vec<Cause>) {
    let spec = &value["spec"];
    let headless = text(spec, "clusterIP") == "None";
    let external_name = text(spec, "type") == "ExternalName";
    if spec["ports"].as_array().is_none_or(Vec::is_empty) && !headless && !external_name {
        causes.push(Cause::required("spec.ports", ""));
    }
    if external_name && text(spec, "externalName").is_empty() {
        causes.push(Cause::required("spec.externalName", ""));
    }
    let address = text(spec, "clusterIP");
    if !matches!(address, "" | "None") && address.parse::<std::net::IpAddr>().is_err() {
        let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
        causes.push(Cause::invalid("spec.clusterIPs[0]", &spec["clusterIP"], detail));
    }
    one_of(spec, "type", "spec", &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"], causes);
    one_of(spec, "sessionAffinity", "spec", &["ClientIP", "None"], causes);
    labels(&spec["selector"], "spec.selector", causes);
    if headless && matches!(text(spec, "type"), "NodePort" | "LoadBalancer") {
        let detail = format!("may not be set to 'None' for {} services", text(spec, "type"));
        causes.push(Cause::invalid("spec.clusterIPs[0]", &Value::from("None"), &detail));
    }
    ports(spec, headless, causes);
}

fn ports(spec: &Value, headless: bool, causes: &mut Vec<Cause>) {
    let several = spec["ports"].as_array().is_some_and(|ports| ports.len() > 1);
    let (mut names, mut numbers, mut node_ports) = (HashSet::new(), HashSet::new(), HashSet::new());
    for (path, value) in each(spec, "ports", "spec") {
        let name = text(value, "name");
        if name.is_empty() {
            if several {
                causes.push(Cause::required(format!("{path}.name"), ""));
            }
        } else if let Some(why) = is_dns1123_label(name) {
            causes.push(Cause::invalid(format!("{path}.name"), &value["name"], &why));
        } else if !names.insert(name) {
            causes.push(Cause::duplicate(format!("{path}.name"), &value["name"]));
        }
        port(&value["port"], &format!("{path}.port"), causes);
        one_of(value, "protocol", &path, &["SCTP", "TCP", "UDP"], causes);
        target(&value["targetPort"], &format!("{path}.targetPort"), causes);
        let protocol = text(value, "protocol");
        if value["port"].is_number() && !numbers.insert((value["port"].as_i64(), protocol)) && !headless {
            let identity = serde_json::json!({ "port": value["port"], "protocol": protocol });
            causes.push(Cause::duplicate(path.clone(), &identity));
        }
        if let Some(number) = value["nodePort"].as_i64().filter(|number| *number != 0) {
            if text(spec, "type") == "ClusterIP" {
                let detail = "may not be used when `type` is 'ClusterIP'";
                causes.push(Cause::forbidden(format!("{path}.nodePort"), detail));
            } else if !node_ports.insert((number, protocol)) {
                causes.push(Cause::duplicate(format!("{path}.nodePort"), &value["nodePort"]));
            }
        }
    }
}

fn target(target: &Value, path: &str, causes: &mut Vec<Cause>) {
    match target {
        Value::Number(_) => port(target, path, causes),
        Value::String(name) => {
            if let Some(why) = super::pod::is_port_name(name) {
                causes.push(Cause::invalid(path, target, why));
            }
        }
        _ => {}
    }
}
