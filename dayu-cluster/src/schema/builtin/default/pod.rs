//! Pods and what they are made of.

use serde_json::{Value, json};

use super::{items, set, set_field, there};

pub(super) fn pod(value: &mut Value) {
    addresses(value);
    let Some(spec) = there(value, "spec") else { return };
    pod_spec(spec);
    set(spec, "enableServiceLinks", true);
    for container in containers(spec) {
        requests_from_limits(container);
    }
    if let Some(spec) = there(value, "spec") {
        tolerations(spec);
    }
}

/// What is added to a new pod: its account, and how urgent it is.
pub(super) fn admitted(value: &mut Value) {
    let Some(spec) = there(value, "spec") else { return };
    set(spec, "serviceAccountName", "default");
    service_account(spec);
    set(spec, "priority", 0);
    set(spec, "preemptionPolicy", "PreemptLowerPriority");
}

/// One address is a list of one.
fn addresses(value: &mut Value) {
    let Some(status) = there(value, "status") else { return };
    if let Some(address) = status.get("podIP").filter(|address| *address != "").cloned() {
        set(status, "podIPs", json!([{ "ip": address }]));
    }
}

pub(super) fn template(value: &mut Value) {
    if let Some(spec) = there(value, "spec") {
        pod_spec(spec);
    }
}

fn pod_spec(spec: &mut Value) {
    set(spec, "restartPolicy", "Always");
    set(spec, "dnsPolicy", "ClusterFirst");
    set(spec, "schedulerName", "default-scheduler");
    set(spec, "securityContext", json!({}));
    set(spec, "terminationGracePeriodSeconds", 30);
    // No time at all is the shortest time that there is.
    if spec["terminationGracePeriodSeconds"].as_i64().is_some_and(|seconds| seconds < 0) {
        spec["terminationGracePeriodSeconds"] = 1.into();
    }
    service_account(spec);
    let host_network = spec["hostNetwork"] == true;
    containers(spec).for_each(|value| container(value, host_network));
    items(spec, "volumes").for_each(volume);
}

/// Two names for one thing.
fn service_account(spec: &mut Value) {
    let name = ["serviceAccountName", "serviceAccount"].into_iter().find_map(|field| {
        spec.get(field).and_then(Value::as_str).filter(|name| !name.is_empty()).map(ToOwned::to_owned)
    });
    if let Some(name) = name {
        spec["serviceAccountName"] = name.as_str().into();
        spec["serviceAccount"] = name.into();
    }
}

fn containers(spec: &mut Value) -> impl Iterator<Item = &mut Value> {
    let lists = spec.as_object_mut().into_iter().flatten();
    let lists =
        lists.filter(|(name, _)| matches!(name.as_str(), "containers" | "initContainers" | "ephemeralContainers"));
    lists.filter_map(|(_, list)| list.as_array_mut()).flatten()
}

fn container(value: &mut Value, host_network: bool) {
    let image = value.get("image").and_then(Value::as_str).unwrap_or_default();
    let policy = if moves(image) { "Always" } else { "IfNotPresent" };
    set(value, "imagePullPolicy", policy);
    set(value, "terminationMessagePath", "/dev/termination-log");
    set(value, "terminationMessagePolicy", "File");
    set(value, "resources", json!({}));
    for port in items(value, "ports") {
        set(port, "protocol", "TCP");
        if host_network && let Some(number) = port.get("containerPort").cloned() {
            set(port, "hostPort", number);
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(value) = there(value, name) {
            probe(value);
        }
    }
    for name in ["postStart", "preStop"] {
        let action = there(value, "lifecycle").and_then(|lifecycle| there(lifecycle, name));
        if let Some(action) = action.and_then(|action| there(action, "httpGet")) {
            http_get(action);
        }
    }
    items(value, "env").for_each(variable);
}

/// An image without a tag, or with the tag that moves, is pulled every time.
fn moves(image: &str) -> bool {
    let (name, digest) = image.split_once('@').map_or((image, false), |(name, _)| (name, true));
    let last = name.rsplit('/').next().unwrap_or(name);
    match last.split_once(':') {
        Some((_, tag)) => tag == "latest",
        None => !digest,
    }
}

fn variable(value: &mut Value) {
    let source = value.get_mut("valueFrom").and_then(|source| source.get_mut("fieldRef"));
    if let Some(source) = source.filter(|source| source.is_object()) {
        set_field(source, "apiVersion", "v1");
    }
    // As Go encodes it: an empty value is no value.
    if let Some(fields) = value.as_object_mut()
        && fields.get("value").is_some_and(|value| *value == "")
    {
        fields.remove("value");
    }
}

fn probe(value: &mut Value) {
    set(value, "timeoutSeconds", 1);
    set(value, "periodSeconds", 10);
    set(value, "successThreshold", 1);
    set(value, "failureThreshold", 3);
    if let Some(action) = there(value, "httpGet") {
        http_get(action);
    }
    if let Some(action) = there(value, "grpc") {
        set(action, "service", "");
    }
}

fn http_get(action: &mut Value) {
    set(action, "path", "/");
    set(action, "scheme", "HTTP");
}

fn volume(value: &mut Value) {
    if value.as_object().is_some_and(|fields| fields.len() == 1 && fields.contains_key("name")) {
        set(value, "emptyDir", json!({}));
    }
    for source in ["configMap", "secret", "downwardAPI", "projected"] {
        if let Some(source) = there(value, source) {
            set(source, "defaultMode", 420);
            items(source, "items").for_each(file);
            items(source, "sources").for_each(projection);
        }
    }
    if let Some(source) = there(value, "hostPath") {
        set(source, "type", "");
    }
}

fn file(item: &mut Value) {
    if let Some(source) = there(item, "fieldRef") {
        set(source, "apiVersion", "v1");
    }
}

fn projection(source: &mut Value) {
    if let Some(token) = there(source, "serviceAccountToken") {
        set(token, "expirationSeconds", 3600);
    }
    if let Some(source) = there(source, "downwardAPI") {
        items(source, "items").for_each(file);
    }
}

/// What is limited and not asked for is asked for up to the limit.
fn requests_from_limits(container: &mut Value) {
    let Some(resources) = there(container, "resources") else { return };
    let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned() else { return };
    for (name, limit) in limits {
        set(resources, "requests", json!({}));
        set(&mut resources["requests"], &name, limit);
    }
}

/// Added to pods at creation, so that a short absence of a node evicts nobody.
fn tolerations(spec: &mut Value) {
    const SECONDS: u64 = 300;
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let tolerated = items(spec, "tolerations").any(|toleration| {
            let matches =
                |name: &str, wanted: &str| toleration.get(name).is_none_or(|value| *value == *wanted || *value == "");
            matches("key", key) && matches("effect", "NoExecute")
        });
        if !tolerated {
            set(spec, "tolerations", json!([]));
            let toleration =
                json!({ "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS });
            if let Some(list) = spec["tolerations"].as_array_mut() {
                list.push(toleration);
            }
        }
    }
}
