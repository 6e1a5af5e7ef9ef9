//! Service links: the variables by which programs found services before there were names.
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;

/// Those of the namespace's services, and always those of the API's own.
pub(super) fn variables<'a>(
    services: impl IntoIterator<Item = &'a Service>,
    namespace: &str,
    links: bool,
) -> Vec<(String, String)> {
    let is_api =
        |service: &Service| service.name_any() == "kubernetes" && service.namespace().as_deref() == Some("default");
    let wanted = services
        .into_iter()
        .filter(|service| is_api(service) || (links && service.namespace().as_deref() == Some(namespace)));
    // The API's own come first: a namesake in the pod's namespace is what its programs mean.
    let mut wanted: Vec<&Service> = wanted.collect();
    wanted.sort_by_key(|service| (!is_api(service), service.name_any()));
    wanted.into_iter().flat_map(of).collect()
}

fn of(service: &Service) -> Vec<(String, String)> {
    let Some(spec) = &service.spec else { return Vec::new() };
    let address = match spec.cluster_ip.as_deref() {
        Some(address) if !address.is_empty() && address != "None" => address,
        _ => return Vec::new(),
    };
    let ports = spec.ports.as_deref().unwrap_or_default();
    let Some(first) = ports.first() else { return Vec::new() };
    let name = service.name_any().to_uppercase().replace('-', "_");
    let mut variables = vec![
        (format!("{name}_SERVICE_HOST"), address.to_owned()),
        (format!("{name}_SERVICE_PORT"), first.port.to_string()),
    ];
    for port in ports {
        if let Some(port_name) = &port.name {
            let port_name = port_name.to_uppercase().replace('-', "_");
            variables.push((format!("{name}_SERVICE_PORT_{port_name}"), port.port.to_string()));
        }
    }
    let protocol =
        |port: &k8s_openapi::api::core::v1::ServicePort| port.protocol.clone().unwrap_or_else(|| "TCP".into());
    let url = |port: &k8s_openapi::api::core::v1::ServicePort| {
        format!("{}://{address}:{}", protocol(port).to_lowercase(), port.port)
    };
    variables.push((format!("{name}_PORT"), url(first)));
    for port in ports {
        let prefix = format!("{name}_PORT_{}_{}", port.port, protocol(port).to_uppercase());
        variables.extend([
            (prefix.clone(), url(port)),
            (format!("{prefix}_PROTO"), protocol(port).to_lowercase()),
            (format!("{prefix}_PORT"), port.port.to_string()),
            (format!("{prefix}_ADDR"), address.to_owned()),
        ]);
    }
    variables
}
