//! Pods and pod templates.

use std::collections::HashSet;

use serde_json::Value;

use super::{each, is_dns1123_label, is_dns1123_subdomain, one_of, port, text};
use crate::schema::Cause;

pub(super) fn pod(value: &Value, causes: &mut Vec<Cause>) {
    spec(&value["spec"], "spec", causes);
}

pub(super) fn spec(spec: &Value, path: &str, causes: &mut Vec<Cause>) {
    let volumes = volumes(spec, path, causes);
    if spec["containers"].as_array().is_none_or(Vec::is_empty) {
        causes.push(Cause::required(format!("{path}.containers"), ""));
    }
    let mut names = HashSet::new();
    for list in ["containers", "initContainers"] {
        for (path, value) in each(spec, list, path) {
            container(value, &path, &volumes, causes);
            let name = text(value, "name");
            if !name.is_empty() && !names.insert(name) {
                causes.push(Cause::duplicate(format!("{path}.name"), &value["name"]));
            }
        }
    }
    one_of(spec, "restartPolicy", path, &["Always", "OnFailure", "Never"], causes);
    one_of(spec, "dnsPolicy", path, &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"], causes);
    for field in ["nodeName", "serviceAccountName"] {
        let name = text(spec, field);
        if let Some(why) = Some(name).filter(|name| !name.is_empty()).and_then(is_dns1123_subdomain) {
            causes.push(Cause::invalid(format!("{path}.{field}"), &spec[field], &why));
        }
    }
    super::labels(&spec["nodeSelector"], &format!("{path}.nodeSelector"), causes);
}

fn volumes<'a>(spec: &'a Value, path: &'a str, causes: &mut Vec<Cause>) -> HashSet<&'a str> {
    let mut names = HashSet::new();
    for (path, volume) in each(spec, "volumes", path) {
        let name = text(volume, "name");
        let field = format!("{path}.name");
        if name.is_empty() {
            causes.push(Cause::required(field, ""));
            continue;
        }
        if let Some(why) = is_dns1123_label(name) {
            causes.push(Cause::invalid(field, &volume["name"], &why));
        } else if !names.insert(name) {
            causes.push(Cause::duplicate(field, &volume["name"]));
        }
        let sources = volume.as_object().into_iter().flatten().filter(|(name, _)| *name != "name");
        for (source, _) in sources.skip(1) {
            let field = format!("{path}.{source}");
            causes.push(Cause::forbidden(field, "may not specify more than 1 volume type"));
        }
        if volume["hostPath"].is_object() && text(&volume["hostPath"], "path").is_empty() {
            causes.push(Cause::required(format!("{path}.hostPath.path"), ""));
        }
    }
    names
}

fn container(value: &Value, path: &str, volumes: &HashSet<&str>, causes: &mut Vec<Cause>) {
    let name = text(value, "name");
    if name.is_empty() {
        causes.push(Cause::required(format!("{path}.name"), ""));
    } else if let Some(why) = is_dns1123_label(name) {
        causes.push(Cause::invalid(format!("{path}.name"), &value["name"], &why));
    }
    let image = text(value, "image");
    if image.is_empty() {
        causes.push(Cause::required(format!("{path}.image"), ""));
    } else if image.trim() != image {
        let detail = "must not have leading or trailing whitespace";
        causes.push(Cause::invalid(format!("{path}.image"), &value["image"], detail));
    }
    one_of(value, "imagePullPolicy", path, &["Always", "IfNotPresent", "Never"], causes);
    resources(&value["resources"], path, causes);
    ports(value, path, causes);
    environment(value, path, causes);
    mounts(value, path, volumes, causes);
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if value[name].is_object() {
            probe(&value[name], &format!("{path}.{name}"), causes);
        }
    }
}

/// Nothing is asked for beyond what is allowed.
fn resources(resources: &Value, path: &str, causes: &mut Vec<Cause>) {
    for (name, limit) in resources["limits"].as_object().into_iter().flatten() {
        let request = &resources["requests"][name];
        if let (Some(most), Some(asked)) = (quantity(limit), quantity(request))
            && asked > most
        {
            let why = format!("must be less than or equal to {name} limit of {}", shown(limit));
            causes.push(Cause::invalid(format!("{path}.resources.requests"), &shown(request).into(), &why));
        }
    }
}

fn shown(quantity: &Value) -> String {
    quantity.as_str().map_or_else(|| quantity.to_string(), Into::into)
}

/// `500m`, `1Gi`, `2e3`: a number, of what is counted.
pub(in crate::schema::builtin) fn quantity(value: &Value) -> Option<f64> {
    let text = value.as_str().map_or_else(|| value.to_string(), Into::into);
    let digits = text.find(|letter: char| !letter.is_ascii_digit() && !matches!(letter, '.' | '+' | '-'));
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let number: f64 = number.parse().ok()?;
    const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
    if let Some(place) = BINARY.iter().position(|known| *known == unit) {
        return Some(number * 1024_f64.powi(i32::try_from(place).ok()? + 1));
    }
    if let Some(place) = DECIMAL.iter().position(|known| *known == unit) {
        return Some(number * 1000_f64.powi(i32::try_from(place).ok()? - 3));
    }
    let exponent: i32 = unit.strip_prefix(['e', 'E'])?.parse().ok()?;
    Some(number * 10_f64.powi(exponent))
}

fn ports(container: &Value, path: &str, causes: &mut Vec<Cause>) {
    let mut names = HashSet::new();
    for (path, value) in each(container, "ports", path) {
        let name = text(value, "name");
        if !name.is_empty() {
            if let Some(why) = is_port_name(name) {
                causes.push(Cause::invalid(format!("{path}.name"), &value["name"], why));
            } else if !names.insert(name) {
                causes.push(Cause::duplicate(format!("{path}.name"), &value["name"]));
            }
        }
        match &value["containerPort"] {
            Value::Null => causes.push(Cause::required(format!("{path}.containerPort"), "")),
            number => port(number, &format!("{path}.containerPort"), causes),
        }
        if value["hostPort"].as_i64().is_some_and(|number| number != 0) {
            port(&value["hostPort"], &format!("{path}.hostPort"), causes);
        }
        one_of(value, "protocol", &path, &["SCTP", "TCP", "UDP"], causes);
    }
}

/// An IANA service name.
pub(super) fn is_port_name(name: &str) -> Option<&'static str> {
    if name.len() > 15 {
        return Some("must be no more than 15 bytes");
    }
    if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        return Some("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
    }
    if !name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Some("must contain at least one letter (a-z)");
    }
    if name.contains("--") {
        return Some("must not contain consecutive hyphens");
    }
    (name.starts_with('-') || name.ends_with('-')).then_some("must not begin or end with a hyphen")
}

fn environment(container: &Value, path: &str, causes: &mut Vec<Cause>) {
    for (path, variable) in each(container, "env", path) {
        let name = text(variable, "name");
        if name.is_empty() {
            causes.push(Cause::required(format!("{path}.name"), ""));
        } else if !name.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'=') {
            let detail =
                "a valid environment variable name must consist only of printable ASCII characters other than '='";
            causes.push(Cause::invalid(format!("{path}.name"), &variable["name"], detail));
        }
        if !text(variable, "value").is_empty() && variable["valueFrom"].is_object() {
            let detail = "may not be specified when `value` is not empty";
            causes.push(Cause::invalid(format!("{path}.valueFrom"), &Value::from(""), detail));
        }
    }
}

fn mounts(container: &Value, path: &str, volumes: &HashSet<&str>, causes: &mut Vec<Cause>) {
    let mut paths = HashSet::new();
    for (path, mount) in each(container, "volumeMounts", path) {
        let (name, mount_path) = (text(mount, "name"), text(mount, "mountPath"));
        if name.is_empty() {
            causes.push(Cause::required(format!("{path}.name"), ""));
        } else if !volumes.contains(name) {
            causes.push(Cause::not_found(format!("{path}.name"), &mount["name"]));
        }
        if mount_path.is_empty() {
            causes.push(Cause::required(format!("{path}.mountPath"), ""));
        } else if !paths.insert(mount_path) {
            let detail = "must be unique";
            causes.push(Cause::invalid(format!("{path}.mountPath"), &mount["mountPath"], detail));
        }
    }
}

fn probe(probe: &Value, path: &str, causes: &mut Vec<Cause>) {
    let handlers = ["exec", "httpGet", "tcpSocket", "grpc"].into_iter().filter(|name| probe[name].is_object());
    match handlers.count() {
        0 => causes.push(Cause::required(path, "must specify a handler type")),
        1 => {}
        _ => causes.push(Cause::forbidden(path, "may not specify more than 1 handler type")),
    }
    for name in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
        if probe[name].as_i64().is_some_and(|number| number < 0) {
            causes.push(not_negative(format!("{path}.{name}"), &probe[name]));
        }
    }
    for handler in ["httpGet", "tcpSocket"] {
        let number = &probe[handler]["port"];
        if probe[handler].is_object() && !number.is_string() {
            port(number, &format!("{path}.{handler}.port"), causes);
        }
    }
}

pub(super) fn not_negative(field: String, value: &Value) -> Cause {
    Cause::invalid(field, value, "must be greater than or equal to 0")
}
