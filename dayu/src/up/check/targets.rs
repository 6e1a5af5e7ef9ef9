//! What the self-test calls: every (caller device, service, target device) in every form of addressing.
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use dayu_core::name::Device;
use k8s_openapi::api::core::v1::Service;

use super::request::{Call, Form};
use crate::up::counts::Key;

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

/// All calls to `services`, from each device to each device; those of `replicas` are to answer.
pub(super) fn calls(services: &[Service], devices: &[Addressed], replicas: &BTreeSet<Key>) -> Vec<Call> {
    let mut calls = Vec::new();
    for service in services {
        for target in devices {
            for caller in devices {
                calls.extend(by_node_port(service, caller, target));
                calls.extend(by_name(service, caller, target, Form::Name));
                calls.extend(by_name(service, caller, target, Form::Header));
            }
        }
    }
    for call in &mut calls {
        let serves = |replica: &Key| replica.service == call.service && replica.device == call.device.as_str();
        call.is_served = replicas.iter().any(serves);
    }
    calls
}

/// The forms in which each service is called: one without a node port has no address to be called by.
pub(super) fn forms(calls: &[Call]) -> BTreeMap<String, BTreeSet<Form>> {
    let mut forms = BTreeMap::<_, BTreeSet<_>>::new();
    for call in calls {
        forms.entry(call.service.clone()).or_default().insert(call.form);
    }
    forms
}

/// Whether a service is one of those that are called.
pub(super) fn is_called(service: &Service) -> bool {
    service.metadata.name.as_deref().and_then(path).is_some()
}

/// The path that a service's programs answer; none for services that are not of the pipeline.
fn path(service: &str) -> Option<&'static str> {
    match service.split('-').next()? {
        "detector" => Some(FRAME),
        "aggregator" => Some(RESULT),
        _ => None,
    }
}

fn by_node_port(service: &Service, caller: &Addressed, target: &Addressed) -> Option<Call> {
    let name = service.metadata.name.clone()?;
    let port = service.spec.as_ref()?.ports.as_ref()?.first()?.node_port?;
    let address = SocketAddr::new(target.address, u16::try_from(port).ok()?);
    Some(Call {
        form: Form::NodePort,
        from: Some(caller.address),
        address,
        authority: address.to_string(),
        path: path(&name)?,
        device: target.device.clone(),
        service: name,
        is_served: false,
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
        from: None,
        address: SocketAddr::new(caller.address, FRONT),
        authority: host,
        path: path(&name)?,
        device: target.device.clone(),
        service: name,
        is_served: false,
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
        let services = [service("detector-both", Some(30_001)), service("aggregator", None)];
        let replica = Key { service: "detector-both".to_owned(), device: "d.2".to_owned(), replica: "one".to_owned() };
        let calls = calls(&services, &devices, &BTreeSet::from([replica]));
        let of = |form| calls.iter().filter(|call| call.form == form).count();
        assert_eq!((of(Form::NodePort), of(Form::Name), of(Form::Header)), (9, 18, 18));
        let by_name = [Form::Name, Form::Header];
        let by_all = [Form::NodePort, Form::Name, Form::Header];
        let asked = [("aggregator", BTreeSet::from(by_name)), ("detector-both", BTreeSet::from(by_all))];
        assert_eq!(forms(&calls), asked.map(|(service, forms)| (service.to_owned(), forms)).into());
        let callers = calls.iter().filter_map(|call| Some((call.from?, call.address))).collect::<BTreeSet<_>>();
        assert_eq!(callers.len(), 9, "each device calls each");
        let served: Vec<_> = calls.iter().filter(|call| call.is_served).collect();
        assert_eq!(served.len(), 9);
        assert!(served.iter().all(|call| call.service == "detector-both" && call.device.as_str() == "d.2"));
        assert!(calls.iter().any(|call| call.authority == "d.2.aggregator.pipeline.svc:9000" && call.path == RESULT));
    }
}
