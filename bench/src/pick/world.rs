//! One Service with as many endpoints on one device as asked for.
use std::{net::Ipv4Addr, time::Duration};

use dayu_core::{
    balance::{Candidates, Error, OutlierLayer, Request, TargetDeviceLayer, policy::BuiltIn},
    directory::{Change, DeviceRecord, Directory, EndpointRecord, PodRef, ServiceRecord, SliceRecord, Snapshot},
    name::{Device, ServiceKey},
};
use futures::{FutureExt, future::ready};
use tower::{Layer, Service, service_fn};

/// The Service's port.
pub(super) const PORT: u16 = 9000;

/// The Service.
pub(super) fn service() -> ServiceKey {
    ServiceKey::new("default", "det")
}

/// The device that all endpoints are on.
pub(super) fn device() -> Device {
    "edge1".into()
}

/// A directory that knows the Service with `size` endpoints of equal weight.
pub(super) fn directory(size: usize) -> Directory {
    directory_of((0..size as u32).map(|index| endpoint(index, 1)).collect(), None)
}

fn directory_of(endpoints: Vec<EndpointRecord>, said: Option<BuiltIn>) -> Directory {
    let directory = Directory::new();
    directory.apply(Change::Device(DeviceRecord::new(device())));
    let balance = said.map(|policy| policy.to_string().into());
    directory.apply(Change::Service(ServiceRecord { balance, ..ServiceRecord::new(service()).port(PORT) }));
    directory.apply(Change::Slice(SliceRecord {
        namespace: service().namespace,
        name: "det-1".into(),
        service: service().name,
        version: 1,
        labels: Default::default(),
        ports: vec![("".into(), PORT)],
        endpoints,
    }));
    directory.apply(Change::Synced);
    warm(&directory);
    directory
}

/// The candidates of a request for the device, with `key` or without, to a Service that names a policy, or not.
pub(super) fn candidates(size: usize, key: Option<u64>, said: Option<BuiltIn>) -> Candidates {
    candidates_in(&directory_of((0..size as u32).map(|index| endpoint(index, 1)).collect(), said), key)
}

/// Those of endpoints that weigh from 1 to 4.
pub(super) fn weighted(size: usize) -> Candidates {
    let endpoints = (0..size as u32).map(|index| endpoint(index, 1 + (index % 4) as u16)).collect();
    candidates_in(&directory_of(endpoints, None), None)
}

fn candidates_in(directory: &Directory, key: Option<u64>) -> Candidates {
    let request = Request { key, ..Request::to(service(), PORT).on(device()) };
    match narrowed(&directory.snapshot(), request) {
        Some(candidates) => candidates,
        None => unreachable!("the directory was built to have them"),
    }
}

/// What the layers before the policy leave of a request.
pub(super) fn narrowed(snapshot: &Snapshot, request: Request) -> Option<Candidates> {
    let service = snapshot.service(&request.service)?.clone();
    let all = Candidates::new(request, service, Duration::from_secs(60)).ok()?;
    let last = service_fn(|left: Candidates| ready(Ok::<_, Error>(left)));
    let mut layers = TargetDeviceLayer.layer(OutlierLayer.layer(last));
    layers.call(all).now_or_never()?.ok()
}

/// Gives each endpoint a latency, as after a while in use.
fn warm(directory: &Directory) {
    let snapshot = directory.snapshot();
    let ports = snapshot.service(&service()).map(|service| service.ports.clone()).unwrap_or_default();
    for (index, endpoint) in ports.iter().flat_map(|port| port.endpoints.all()).enumerate() {
        endpoint.load.succeeded(Duration::from_micros(900 + index as u64 % 200), Duration::from_secs(59));
    }
}

fn endpoint(index: u32, weight: u16) -> EndpointRecord {
    let pod = PodRef { name: format!("det-{index}").into(), uid: format!("uid-{index}").into() };
    EndpointRecord { pod: Some(pod), weight, ..EndpointRecord::new(Ipv4Addr::from(0x0a00_0000 + index)).on(device()) }
}
