//! What an update must leave as it is.

use serde_json::Value;

use crate::schema::Cause;

const DETAIL: &str = "field is immutable";

pub(super) fn unchanged(group: &str, kind: &str, new: &Value, old: &Value, causes: &mut Vec<Cause>) {
    match (group, kind) {
        ("apps", "Deployment" | "ReplicaSet" | "DaemonSet") => fixed(&["spec", "selector"], new, old, causes),
        ("batch", "Job") => {
            fixed(&["spec", "selector"], new, old, causes);
            fixed(&["spec", "template"], new, old, causes);
        }
        ("", "Service") => cluster_ip(new, old, causes),
        ("", "ConfigMap") => data(new, old, &["data", "binaryData"], causes),
        ("", "Secret") => {
            fixed(&["type"], new, old, causes);
            data(new, old, &["data"], causes);
        }
        ("", "Pod") => pod(new, old, causes),
        ("", "Node") => networks(new, old, causes),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") if new["roleRef"] != old["roleRef"] => {
            causes.push(Cause::invalid("roleRef", &new["roleRef"], "cannot change roleRef"));
        }
        ("discovery.k8s.io", "EndpointSlice") => fixed(&["addressType"], new, old, causes),
        _ => {}
    }
}

fn fixed(path: &[&str], new: &Value, old: &Value, causes: &mut Vec<Cause>) {
    let (new, old) = path.iter().fold((new, old), |(new, old), name| (&new[*name], &old[*name]));
    if new != old {
        causes.push(Cause::invalid(path.join("."), new, DETAIL));
    }
}

/// An address may be given up with the type that has one, never changed.
fn cluster_ip(new: &Value, old: &Value, causes: &mut Vec<Cause>) {
    let (new, old) = (&new["spec"], &old["spec"]);
    let kept = |spec: &Value| spec["type"] != "ExternalName";
    let had = old["clusterIP"].as_str().unwrap_or_default();
    if kept(new) && kept(old) && !had.is_empty() && new["clusterIP"] != old["clusterIP"] {
        let asked = serde_json::json!([new["clusterIP"]]);
        causes.push(Cause::invalid("spec.clusterIPs[0]", &asked, "may not change once set"));
    }
}

/// A node's network is given once.
fn networks(new: &Value, old: &Value, causes: &mut Vec<Cause>) {
    let (new, old) = (&new["spec"]["podCIDR"], &old["spec"]["podCIDR"]);
    if old.as_str().is_some_and(|network| !network.is_empty()) && new != old {
        let detail = "node updates may not change podCIDR except from \"\" to valid";
        causes.push(Cause::forbidden("spec.podCIDRs", detail));
    }
}

fn data(new: &Value, old: &Value, fields: &[&str], causes: &mut Vec<Cause>) {
    if old["immutable"] != true {
        return;
    }
    let detail = "field is immutable when `immutable` is set";
    if new["immutable"] != true {
        causes.push(Cause::forbidden("immutable", detail));
    }
    for field in fields.iter().filter(|field| new[**field] != old[**field]) {
        causes.push(Cause::forbidden(*field, detail));
    }
}

/// Of a pod that runs only images, deadlines and additional tolerations can change.
fn pod(new: &Value, old: &Value, causes: &mut Vec<Cause>) {
    if new["spec"] == old["spec"] {
        return;
    }
    let (mut fixed_new, mut fixed_old) = (new["spec"].clone(), old["spec"].clone());
    // A pod is bound once.
    if old["spec"]["nodeName"].as_str().is_none_or(str::is_empty) {
        free(&mut fixed_new, &["nodeName"]);
        free(&mut fixed_old, &["nodeName"]);
    }
    for spec in [&mut fixed_new, &mut fixed_old] {
        free(
            spec,
            &[
                "activeDeadlineSeconds",
                "tolerations",
                "terminationGracePeriodSeconds",
                "schedulingGates",
                "ephemeralContainers",
            ],
        );
        for list in ["containers", "initContainers"] {
            for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                free(container, &["image", "resources"]);
            }
        }
    }
    if fixed_new != fixed_old {
        let detail = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
        causes.push(Cause::forbidden("spec", detail));
    }
}

fn free(object: &mut Value, fields: &[&str]) {
    if let Some(object) = object.as_object_mut() {
        object.retain(|name, _| !fields.contains(&name.as_str()));
    }
}
