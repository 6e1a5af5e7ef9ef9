//! Services.

use serde_json::{Value, json};

use super::{items, set, set_field, there};

pub(super) fn service(value: &mut Value) {
    let Some(spec) = there(value, "spec") else { return };
    set_field(spec, "sessionAffinity", "None");
    if spec["sessionAffinity"] == "None" {
        spec.as_object_mut().map(|fields| fields.remove("sessionAffinityConfig"));
    } else {
        set_field(spec, "sessionAffinityConfig", json!({ "clientIP": { "timeoutSeconds": 10800 } }));
    }
    set_field(spec, "type", "ClusterIP");
    ports(spec);
    let external = matches!(spec["type"].as_str(), Some("NodePort" | "LoadBalancer"));
    if external {
        set_field(spec, "externalTrafficPolicy", "Cluster");
    }
    if spec["type"] != "ExternalName" {
        set_field(spec, "internalTrafficPolicy", "Cluster");
        families(spec);
    }
    if spec["type"] == "LoadBalancer" {
        set_field(spec, "allocateLoadBalancerNodePorts", true);
    }
    set(&mut value["status"], "loadBalancer", json!({}));
}

fn ports(spec: &mut Value) {
    for port in items(spec, "ports") {
        set(port, "protocol", "TCP");
        let target = port.get("targetPort");
        if target.is_none_or(|target| *target == 0 || *target == "")
            && let Some(number) = port.get("port").cloned()
        {
            port["targetPort"] = number;
        }
    }
}

/// A headless service without a selector may be anything; a cluster of one family is of that one.
fn families(spec: &mut Value) {
    set_field(spec, "ipFamilyPolicy", "SingleStack");
    let address = spec.get("clusterIP").and_then(Value::as_str).unwrap_or_default();
    let family = if address.contains(':') { "IPv6" } else { "IPv4" };
    set_field(spec, "ipFamilies", json!([family]));
}
