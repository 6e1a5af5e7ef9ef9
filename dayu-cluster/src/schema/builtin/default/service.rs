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
pub(super) fn families(value: &mut Value) {
    let Some(spec) = there(value, "spec").filter(|spec| spec["type"] != "ExternalName") else { return };
    let unselected = spec.get("selector").and_then(Value::as_object).is_none_or(serde_json::Map::is_empty);
    let (policy, families) = if spec["clusterIP"] == "None" && unselected {
        ("RequireDualStack", json!(["IPv4", "IPv6"]))
    } else {
        ("SingleStack", json!(["IPv4"]))
    };
    set_field(spec, "ipFamilyPolicy", policy);
    set_field(spec, "ipFamilies", families);
}

/// What only other types have goes with the type, unless it is asked for anew.
pub(super) fn drop_dependent(old: &Value, new: &mut Value) {
    let has = |kind: &Value| *kind == "NodePort" || *kind == "LoadBalancer";
    if !has(&old["spec"]["type"]) || has(&new["spec"]["type"]) {
        return;
    }
    let before: Vec<Value> = old["spec"]["ports"].as_array().cloned().unwrap_or_default();
    let Some(spec) = there(new, "spec") else { return };
    for (index, port) in items(spec, "ports").enumerate() {
        let number = port.get("nodePort").cloned();
        if number.is_some()
            && number.as_ref() == before.get(index).and_then(|port| port.get("nodePort"))
            && let Some(fields) = port.as_object_mut()
        {
            fields.remove("nodePort");
        }
    }
    if spec.get("externalTrafficPolicy") == old["spec"].get("externalTrafficPolicy")
        && let Some(fields) = spec.as_object_mut()
    {
        fields.remove("externalTrafficPolicy");
    }
}
