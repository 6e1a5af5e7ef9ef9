//! What a pod may ask about itself.
use k8s_openapi::api::core::v1::{Container, Pod};
use kube::ResourceExt;

use super::{Place, limits};

/// The value of a field of the pod, as `fieldRef` names it.
pub(super) fn value(pod: &Pod, path: &str, place: &Place) -> Result<String, String> {
    let spec = pod.spec.as_ref();
    let keyed = |of: &str| path.strip_prefix(of)?.strip_prefix("['")?.strip_suffix("']").map(str::to_owned);
    let value = match path {
        "metadata.name" => Some(pod.name_any()),
        "metadata.namespace" => pod.namespace(),
        "metadata.uid" => pod.uid(),
        "metadata.labels" => Some(lines(pod.labels().iter())),
        "metadata.annotations" => Some(lines(pod.annotations().iter())),
        "spec.nodeName" => spec.and_then(|spec| spec.node_name.clone()),
        "spec.serviceAccountName" => {
            Some(spec.and_then(|spec| spec.service_account_name.clone()).unwrap_or_else(|| "default".to_owned()))
        }
        "status.podIP" | "status.podIPs" => Some(place.pod_ip.to_string()),
        "status.hostIP" | "status.hostIPs" => Some(place.host_ip.to_string()),
        _ => match (keyed("metadata.labels"), keyed("metadata.annotations")) {
            (Some(key), _) => Some(pod.labels().get(&key).cloned().unwrap_or_default()),
            (_, Some(key)) => Some(pod.annotations().get(&key).cloned().unwrap_or_default()),
            _ => return Err(format!("field {path} cannot be asked for")),
        },
    };
    Ok(value.unwrap_or_default())
}

/// A limit or request of the container, as `resourceFieldRef` names it: processors rounded up, memory in bytes.
pub(super) fn resource(container: &Container, resource: &str) -> Result<String, String> {
    let quantity = |kind: &str| {
        let (which, name) = kind.split_once('.')?;
        let resources = container.resources.as_ref()?;
        let map = if which == "limits" { resources.limits.as_ref() } else { resources.requests.as_ref() };
        Some((name.to_owned(), map?.get(name)?.0.clone()))
    };
    let Some((name, text)) = quantity(resource) else { return Ok("0".to_owned()) };
    let thousandths = limits::thousandths(&text).ok_or_else(|| format!("{resource}: {text:?} is no quantity"))?;
    Ok(if name == "cpu" { thousandths.div_ceil(1000) } else { thousandths / 1000 }.to_string())
}

fn lines<'a>(entries: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    entries.map(|(key, value)| format!("{key}={value:?}")).collect::<Vec<_>>().join("\n")
}
