//! The environment of a container.
use dayu_core::worker::Problem;
use k8s_openapi::api::core::v1::{Container, EnvVar, EnvVarSource, Pod};
use kube::ResourceExt;

use super::{Lookup, Place, expand::expand, field, services};

/// Where the mesh of a device takes requests by name.
const FRONT_PORT: u16 = 10552;

/// Every variable once, in the order of precedence from the weakest: services, what the local manager offers, `envFrom`,
/// `env`. As in Kubernetes the last one of a name wins, and `$(NAME)` sees what stands before it.
pub(super) async fn resolve(
    pod: &Pod,
    container: &Container,
    place: &Place,
    lookup: &Lookup,
) -> Result<Vec<(String, String)>, Problem> {
    let mut env = Vec::new();
    let links = pod.spec.as_ref().and_then(|spec| spec.enable_service_links).unwrap_or(true);
    let namespace = pod.namespace().unwrap_or_default();
    let services = lookup.services();
    services::variables(services.iter().map(|service| &***service), &namespace, links)
        .into_iter()
        .for_each(|(name, value)| put(&mut env, name, value));
    offered(place).into_iter().for_each(|(name, value)| put(&mut env, name, value));
    for source in container.env_from.iter().flatten() {
        let prefix = source.prefix.clone().unwrap_or_default();
        let (config_map, secret) = (source.config_map_ref.as_ref(), source.secret_ref.as_ref());
        let entries = if let Some(reference) = config_map {
            lookup.config_map(&namespace, &reference.name, reference.optional).await?
        } else if let Some(reference) = secret {
            lookup.secret(&namespace, &reference.name, reference.optional).await?
        } else {
            continue;
        };
        for (name, value) in entries {
            put(&mut env, format!("{prefix}{name}"), String::from_utf8_lossy(&value).into_owned());
        }
    }
    for variable in container.env.iter().flatten() {
        if let Some(value) = value(pod, container, variable, place, lookup, &env).await? {
            put(&mut env, variable.name.clone(), value);
        }
    }
    unset_empty_proxies(container, &mut env);
    Ok(env)
}

/// What every worker finds unless its spec says otherwise: its address, and the way to the names of services.
fn offered(place: &Place) -> Vec<(String, String)> {
    let proxy = format!("http://{}:{FRONT_PORT}", place.host_ip);
    let mut direct = format!("localhost,127.0.0.1,127.0.0.0/8,::1,{},{}", place.host_ip, place.pod_ip);
    if place.host_ip == place.pod_ip {
        direct.truncate(direct.len() - place.pod_ip.to_string().len() - 1);
    }
    vec![
        ("POD_IP".to_owned(), place.pod_ip.to_string()),
        ("http_proxy".to_owned(), proxy.clone()),
        ("HTTP_PROXY".to_owned(), proxy),
        ("no_proxy".to_owned(), direct.clone()),
        ("NO_PROXY".to_owned(), direct),
    ]
}

/// A spec that sets one spelling of a proxy variable has decided about the other.
fn unset_empty_proxies(container: &Container, env: &mut Vec<(String, String)>) {
    let set = |name: &str| container.env.iter().flatten().any(|variable| variable.name == name);
    for (one, other) in [("http_proxy", "HTTP_PROXY"), ("no_proxy", "NO_PROXY")] {
        for (decided, offered) in [(one, other), (other, one)] {
            if set(decided) && !set(offered) {
                env.retain(|(name, _)| name != offered);
            }
        }
    }
}

fn put(env: &mut Vec<(String, String)>, name: String, value: String) {
    // The last one of a name wins and stands where it was written last, so that references see it.
    env.retain(|(known, _)| *known != name);
    env.push((name, value));
}

async fn value(
    pod: &Pod,
    container: &Container,
    variable: &EnvVar,
    place: &Place,
    lookup: &Lookup,
    env: &[(String, String)],
) -> Result<Option<String>, Problem> {
    let Some(source) = &variable.value_from else {
        return Ok(Some(expand(variable.value.as_deref().unwrap_or_default(), env)));
    };
    let EnvVarSource { field_ref, resource_field_ref, config_map_key_ref, secret_key_ref, .. } = source;
    let namespace = pod.namespace().unwrap_or_default();
    let failed = |message| Problem::new("CreateContainerConfigError", format!("env {}: {message}", variable.name));
    if let Some(reference) = field_ref {
        return field::value(pod, &reference.field_path, place).map(Some).map_err(failed);
    }
    if let Some(reference) = resource_field_ref {
        return field::resource(container, &reference.resource).map(Some).map_err(failed);
    }
    let (entries, name, key, optional) = if let Some(reference) = config_map_key_ref {
        let entries = lookup.config_map(&namespace, &reference.name, reference.optional).await?;
        (entries, &reference.name, &reference.key, reference.optional)
    } else if let Some(reference) = secret_key_ref {
        let entries = lookup.secret(&namespace, &reference.name, reference.optional).await?;
        (entries, &reference.name, &reference.key, reference.optional)
    } else {
        return Err(failed("valueFrom names no source that is known here".to_owned()));
    };
    match entries.get(key) {
        Some(value) => Ok(Some(String::from_utf8_lossy(value).into_owned())),
        None if optional == Some(true) => Ok(None),
        None => Err(failed(format!("{name} has no key {key}"))),
    }
}
