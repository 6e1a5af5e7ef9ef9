//! From whom a request is for to what is asked of the balance stack.
use std::net::{IpAddr, SocketAddr};

use dayu_core::{
    balance::{self, hash},
    directory::{Endpoint, NameError, Service, Snapshot},
    name::{Device, ServiceKey},
};
use http::{HeaderMap, Method, Request};

use super::{Front, authority::Wanted, headers, refusal::Refusal};
use crate::{dial, listen::binding::Reach};

/// The port of a name without one, when the Service has several.
const HTTP: u16 = 80;

/// What a host says.
struct Said<'a> {
    service: &'a Service,
    port: u16,
    /// None where any device may be meant.
    device: Option<Device>,
}

/// Whom a request means.
pub(super) enum Meant {
    /// Whichever endpoint the balance stack picks.
    Service(balance::Request),
    /// One of this device's, which the mesh of another device has picked and cannot reach by its address.
    Endpoint(At),
}

/// An endpoint, and what it serves.
pub(super) struct At {
    pub(super) endpoint: Endpoint,
    pub(super) service: ServiceKey,
    pub(super) port: u16,
}

/// Whom `request` means.
pub(super) fn meant<B>(front: &Front, request: &Request<B>, wanted: &Wanted) -> Result<Meant, Refusal> {
    // Last, since every Service is looked at.
    let endpoint = || (request.method() == Method::CONNECT).then(|| endpoint(front, wanted)).flatten();
    let asked = ask(front, request, wanted).map(Meant::Service);
    asked.or_else(|refusal| endpoint().map(Meant::Endpoint).ok_or(refusal))
}

/// The endpoint of this device at the address that is wanted: nothing else can be reached by an address of its own.
fn endpoint(front: &Front, wanted: &Wanted) -> Option<At> {
    let address = SocketAddr::new(wanted.host.parse().ok()?, wanted.port?);
    front.directory.with(|snapshot| {
        snapshot.services().find_map(|service| {
            service.ports.iter().find_map(|port| {
                let mut here = port.endpoints.on(front.own.as_str()).iter();
                let endpoint = here.find(|endpoint| endpoint.address == address)?.clone();
                Some(At { endpoint, service: service.key.clone(), port: port.number })
            })
        })
    })
}

/// What `request` asks of the balance stack.
fn ask<B>(front: &Front, request: &Request<B>, wanted: &Wanted) -> Result<balance::Request, Refusal> {
    let ask = front.directory.with(|snapshot| {
        let said = match wanted.host.parse() {
            Ok(address) => by_address(snapshot, address, wanted),
            Err(_) => by_name(snapshot, wanted),
        }?;
        let service = said.service.key.clone();
        Ok::<_, Refusal>(match device(said.device, request.headers())? {
            Some(device) => balance::Request::to(service, said.port).on(device),
            None => dial::request(service, said.port, &Reach::of(said.service), &front.own, None),
        })
    })?;
    let key = request.headers().get(headers::KEY).map(|key| hash::bytes(key.as_bytes()));
    Ok(balance::Request { key, ..ask })
}

fn by_name<'a>(snapshot: &'a Snapshot, wanted: &Wanted) -> Result<Said<'a>, Refusal> {
    let named = snapshot.resolve(&wanted.host).map_err(|error| match error {
        NameError::Form(_) => Refusal::Outside(wanted.host.clone()),
        short @ NameError::NoNamespace { .. } => Refusal::Short(short),
        unknown => Refusal::Unknown(unknown),
    })?;
    let Some(service) = snapshot.service(&named.service) else { return Err(Refusal::Outside(wanted.host.clone())) };
    Ok(Said { service, port: wanted.port.unwrap_or_else(|| only_port(service)), device: named.device })
}

/// A device's address and a node port mean that device; a cluster address means what its listener means.
fn by_address<'a>(snapshot: &'a Snapshot, address: IpAddr, wanted: &Wanted) -> Result<Said<'a>, Refusal> {
    let port = wanted.port.unwrap_or(HTTP);
    if let (Some(device), Some((service, at))) = (snapshot.device_at(address), snapshot.by_node_port(port)) {
        return Ok(Said { service, port: service.ports[at].number, device: Some(device.device.clone()) });
    }
    match snapshot.by_address(address) {
        Some(service) => Ok(Said { service, port, device: None }),
        None => Err(Refusal::Outside(SocketAddr::new(address, port).to_string())),
    }
}

/// The header says the device where the host does not; it never overrules the host.
fn device(named: Option<Device>, headers: &HeaderMap) -> Result<Option<Device>, Refusal> {
    let said: Vec<_> =
        headers.get_all(headers::TARGET_DEVICE).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    match (named, said.as_slice()) {
        (named, []) => Ok(named),
        (Some(device), [one]) if device.as_str() != one => {
            Err(Refusal::Contradiction { host: device, header: one.to_string() })
        }
        (_, [one]) if !one.is_empty() => Ok(Some(Device::from(&**one))),
        _ => Err(Refusal::NoOneDevice(said.join(", "))),
    }
}

fn only_port(service: &Service) -> u16 {
    match service.ports.as_slice() {
        [only] => only.number,
        _ => HTTP,
    }
}
