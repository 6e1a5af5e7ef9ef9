//! What the self-test calls: every (caller device, service, target device) in every form of addressing.
use std::net::{IpAddr, SocketAddr};

use dayu_core::name::Device;
use k8s_openapi::api::core::v1::Service;

use super::request::{Call, Form};

/// Where a detector takes frames.
pub(super) const FRAME: &str = "/frame";
/// Where the aggregator takes findings.
const RESULT: &str = "/result";
/// The port of every mesh's HTTP front.
const FRONT: u16 = 10552;

/// A device and its address.
#[derive(Clone, Debug)]
pub(crate) struct Addressed {
    pub(crate) device: Device,
    pub(crate) address: IpAddr,
}

/// All calls to `services`, from each device to each device.
pub(super) fn calls(services: &[Service], devices: &[Addressed]) -> Vec<Call> {
    let mut calls = Vec::new();
    for service in services {
        for target in devices {
            calls.extend(by_node_port(service, target));
            for caller in devices {
                calls.extend(by_name(service, caller, target, Form::Name));
                calls.extend(by_name(service, caller, target, Form::Header));
            }
        }
    }
    calls
}

/// The path that a service's programs answer; none for services that are not of the pipeline.
fn path(service: &str) -> Option<&'static str> {
    match service.split('-').next()? {
        "detector" => Some(FRAME),
        "aggregator" => Some(RESULT),
        _ => None,
    }
}

fn by_node_port(service: &Service, target: &Addressed) -> Option<Call> {
    let name = service.metadata.name.clone()?;
    let port = service.spec.as_ref()?.ports.as_ref()?.first()?.node_port?;
    let address = SocketAddr::new(target.address, u16::try_from(port).ok()?);
    Some(Call {
        form: Form::NodePort,
        address,
        authority: address.to_string(),
        path: path(&name)?,
        device: target.device.clone(),
        service: name,
    })
}

fn by_name(service: &Service, caller: &Addressed, target: &Addressed, form: Form) -> Option<Call> {
    let name = service.metadata.name.clone()?;
    let namespace = service.metadata.namespace.as_deref()?;
    let port = service.spec.as_ref()?.ports.as_ref()?.first()?.port;
    let host = match form {
        Form::Name => format!("{}.{name}.{namespace}.svc:{port}", target.device),
        Form::Header | Form::NodePort => format!("{name}.{namespace}.svc:{port}"),
    };
    Some(Call {
        form,
        address: SocketAddr::new(caller.address, FRONT),
        authority: host,
        path: path(&name)?,
        device: target.device.clone(),
        service: name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::{ServicePort, ServiceSpec};

    fn service(name: &str, node_port: Option<i32>) -> Service {
        let mut service = Service::default();
        service.metadata.name = Some(name.into());
        service.metadata.namespace = Some("pipeline".into());
        let port = ServicePort { port: 9000, node_port, ..ServicePort::default() };
        service.spec = Some(ServiceSpec { ports: Some(vec![port]), ..ServiceSpec::default() });
        service
    }

    #[test]
    fn every_triple_is_called_by_every_form_that_the_service_has() {
        let devices: Vec<Addressed> =
            (1..=3).map(|n| Addressed { device: format!("d.{n}").into(), address: [127, 64, n, 1].into() }).collect();
        let calls = calls(&[service("detector-both", Some(30_001)), service("aggregator", None)], &devices);
        let of = |form| calls.iter().filter(|call| call.form == form).count();
        assert_eq!((of(Form::NodePort), of(Form::Name), of(Form::Header)), (3, 18, 18));
        assert!(calls.iter().any(|call| call.authority == "d.2.aggregator.pipeline.svc:9000" && call.path == RESULT));
    }
}
