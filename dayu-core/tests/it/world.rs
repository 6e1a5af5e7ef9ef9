//! A directory with one Service, as the tests want it.
use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use dayu_core::{
    balance::{
        AffinityLayer, Candidates, Error, OutlierLayer, Request, ResolveLayer, TargetDeviceLayer, policy::BuiltIn,
    },
    directory::{
        Change, DeviceRecord, Directory, Endpoint, EndpointRecord, PodRef, PortRecord, ServiceRecord, SliceRecord,
    },
    name::ServiceKey,
};
use futures::{FutureExt, future::ready};
use tokio::time::Instant;
use tower::{Layer, Service, service_fn};

pub(crate) const PORT: u16 = 9000;

pub(crate) fn key() -> ServiceKey {
    ServiceKey::new("ns", "det")
}

pub(crate) fn policy(name: &str) -> BuiltIn {
    name.parse().unwrap()
}

pub(crate) fn request() -> Request {
    Request::to(key(), PORT)
}

/// Pod `pod` on `device`, ready.
pub(crate) fn endpoint(device: &str, pod: u8) -> EndpointRecord {
    EndpointRecord {
        pod: Some(PodRef { name: format!("det-{pod}").into(), uid: format!("uid-{device}-{pod}").into() }),
        ..EndpointRecord::new(Ipv4Addr::new(10, 0, 0, pod)).on(device)
    }
}

pub(crate) fn service() -> ServiceRecord {
    let port = PortRecord { name: "".into(), protocol: "TCP".into(), number: PORT, node_port: None, target: Some(80) };
    ServiceRecord { uid: "uid".into(), version: 1, ports: vec![port], ..ServiceRecord::new(key()) }
}

/// Version `version` of the Service's only slice.
pub(crate) fn slice(version: u64, endpoints: Vec<EndpointRecord>) -> SliceRecord {
    SliceRecord {
        namespace: key().namespace,
        name: "det-1".into(),
        service: key().name,
        version,
        labels: Default::default(),
        ports: vec![("".into(), 80)],
        endpoints,
    }
}

pub(crate) fn directory(endpoints: Vec<EndpointRecord>) -> Arc<Directory> {
    let directory = Directory::new();
    for device in ["edge1", "edge2", "cloud.kubeedge"] {
        directory.apply(Change::Device(DeviceRecord { version: 1, ..DeviceRecord::new(device) }));
    }
    directory.apply(Change::Service(service()));
    directory.apply(Change::Slice(slice(1, endpoints)));
    directory.apply(Change::Synced);
    Arc::new(directory)
}

/// `count` endpoints on `edge1`.
pub(crate) fn equals(count: u8) -> Arc<Directory> {
    directory((1..=count).map(|pod| endpoint("edge1", pod)).collect())
}

/// The endpoints of the Service.
pub(crate) fn endpoints(directory: &Directory) -> Vec<Endpoint> {
    directory.snapshot().service(&key()).unwrap().ports[0].endpoints.all().to_vec()
}

/// What all layers before the policy leave of `request` at `now`.
pub(crate) fn narrowed(directory: &Directory, request: Request, now: Duration) -> Result<Candidates, Error> {
    let service = directory.with(|snapshot| snapshot.service(&request.service).cloned()).unwrap();
    let last = service_fn(|left: Candidates| ready(Ok::<_, Error>(left)));
    let mut layers = TargetDeviceLayer.layer(OutlierLayer.layer(AffinityLayer.layer(last)));
    layers.call(Candidates::new(request, service, now)?).now_or_never().unwrap()
}

/// As [`narrowed`], from the very start and with the time that tokio says.
pub(crate) fn resolved(directory: &Arc<Directory>, request: Request) -> Result<(), Error> {
    let last = service_fn(|_: Candidates| ready(Ok::<_, Error>(())));
    let mut layers = ResolveLayer::new(directory.clone(), Instant::now()).layer(TargetDeviceLayer.layer(last));
    layers.call(request).now_or_never().unwrap()
}
