//! Where everything is: devices, workers, and how each service is addressed.
use dayu_core::{api::lean::Lean, connect::told};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::{Api, Client, ResourceExt, api::ListParams};

use super::check::targets::Addressed;
use crate::output;

/// The Service of the API itself: namespace and name.
const KUBERNETES: (&str, &str) = ("default", "kubernetes");

/// The plane stopped answering.
#[derive(Debug, thiserror::Error)]
#[error("the control plane does not answer: {}", told(.0))]
pub(crate) struct Error(#[from] kube::Error);

/// The devices, their addresses, and where each one's mesh takes names.
pub(crate) fn devices(devices: &[Addressed]) -> String {
    let rows = devices.iter().map(|device| {
        let address = device.address.to_string();
        vec![
            device.device.to_string(),
            address.clone(),
            format!("http://{address}:10552"),
            format!("http://{address}:10551"),
        ]
    });
    output::table(&["DEVICE", "ADDRESS", "PROXY FOR NAMES", "STATUS AND DIRECTORY"], rows)
}

/// Where each worker runs and how each service is addressed.
pub(crate) async fn workers(client: &Client) -> Result<String, Error> {
    let pods = Api::<Lean<Pod>>::all(client.clone()).list(&ListParams::default()).await?;
    let rows = pods.items.iter().map(|pod| {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default();
        let address = pod.status.as_ref().and_then(|status| status.pod_ip.clone()).unwrap_or_default();
        vec![node, pod.name_any(), address]
    });
    let workers = output::table(&["DEVICE", "WORKER", "ADDRESS"], rows);
    let services = Api::<Lean<Service>>::all(client.clone()).list(&ListParams::default()).await?;
    let rows = services.items.iter().flat_map(|service| addresses(service));
    let services = output::table(&["SERVICE", "CLUSTER ADDRESS", "ON A DEVICE"], rows);
    Ok(format!("{workers}\n{services}\n"))
}

/// A row for each port of a Service; none for that of the API.
fn addresses(service: &Service) -> Vec<Vec<String>> {
    let (namespace, name) = (service.namespace().unwrap_or_default(), service.name_any());
    if (namespace.as_str(), name.as_str()) == KUBERNETES {
        return Vec::new();
    }
    let Some(spec) = &service.spec else { return Vec::new() };
    let ports = spec.ports.iter().flatten().map(|port| {
        vec![
            format!("{name}.{namespace}.svc:{}", port.port),
            spec.cluster_ip.clone().unwrap_or_default(),
            port.node_port.map(|port| format!("<device address>:{port}")).unwrap_or_default(),
        ]
    });
    ports.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_port_has_a_row_and_the_api_has_none() {
        let service = |name: &str| {
            serde_json::from_value(json!({
                "metadata": {"name": name, "namespace": "default"},
                "spec": {"clusterIP": "127.96.0.7", "ports": [{"port": 80, "nodePort": 30_100}, {"port": 81}]},
            }))
        };
        assert_eq!(
            addresses(&service("web").unwrap()),
            [["web.default.svc:80", "127.96.0.7", "<device address>:30100"], ["web.default.svc:81", "127.96.0.7", ""]]
        );
        assert_eq!(addresses(&service("kubernetes").unwrap()), [[""; 3]; 0]);
    }
}
