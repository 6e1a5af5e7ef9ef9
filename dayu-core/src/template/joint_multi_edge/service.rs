//! The Service that makes the workers reachable on every device.
use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::{apis::meta::v1::ObjectMeta, util::intstr::IntOrString},
};

use super::{Rejection, syntax};
use crate::{
    api::{JointMultiEdgeService, joint_multi_edge::ServiceConfig, label},
    template::inherited,
};

/// The name of the one port.
const PORT_NAME: &str = "tcp-0";

/// The Service that `service` asks for, if it does.
pub(super) fn of(service: &JointMultiEdgeService) -> Result<Option<Service>, Rejection> {
    let asked = service.spec.service_config.as_ref().filter(|config| **config != ServiceConfig::default());
    asked.map(|config| spanning(service, config)).transpose()
}

fn spanning(service: &JointMultiEdgeService, config: &ServiceConfig) -> Result<Service, Rejection> {
    let owner = service.metadata.name.as_deref().unwrap_or_default();
    let port = port("port", config.port)?;
    let target = if config.target_port == 0 { port } else { self::port("targetPort", config.target_port)? };
    let node_port = (config.node_port != 0).then(|| self::port("nodePort", config.node_port)).transpose()?;
    let labels = [
        (label::JOINT_NAME, owner),
        (label::JOINT_UID, service.metadata.uid.as_deref().unwrap_or_default()),
        (label::JOINT_WORKER_TYPE, &config.pos.to_lowercase()),
        (label::SERVICE_PROXY_NAME, ""),
    ];
    Ok(Service {
        metadata: ObjectMeta {
            name: Some(name(owner, &config.pos)?),
            annotations: Some(inherited(&service.metadata)).filter(|said| !said.is_empty()),
            labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
            ..Default::default()
        },
        spec: Some(ServiceSpec {
            type_: Some("NodePort".to_owned()),
            external_traffic_policy: Some("Cluster".to_owned()),
            selector: Some([(label::JOINT_NAME.to_owned(), owner.to_owned())].into()),
            ports: Some(vec![ServicePort {
                name: Some(PORT_NAME.to_owned()),
                protocol: Some("TCP".to_owned()),
                port,
                target_port: Some(IntOrString::Int(target)),
                node_port,
                ..Default::default()
            }]),
            ..Default::default()
        }),
        ..Default::default()
    })
}

fn name(owner: &str, pos: &str) -> Result<String, Rejection> {
    let field = "spec.serviceConfig.pos";
    if pos.is_empty() {
        return Err(Rejection::invalid(field, "must not be empty", "set it to edge, cloud or both"));
    }
    let name = format!("{owner}-{pos}").to_lowercase();
    syntax::within_label("metadata.name", &name, "shorten the name: the Service is called <name>-<pos>")?;
    if syntax::is_service_name(&name) {
        return Ok(name);
    }
    let message = format!("{name:?} cannot be the name of a Service");
    Err(Rejection::invalid(field, message, "use letters, digits and '-' in name and pos, beginning with a letter"))
}

fn port(field: &str, port: i32) -> Result<i32, Rejection> {
    if (1..=65535).contains(&port) {
        return Ok(port);
    }
    let message = format!("{port} is outside 1..65535");
    Err(Rejection::invalid(format!("spec.serviceConfig.{field}"), message, "choose a port of the containers"))
}
