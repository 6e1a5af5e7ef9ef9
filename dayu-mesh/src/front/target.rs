//! From whom a request is for to what is asked of the balance stack.
use std::net::{IpAddr, SocketAddr};

use dayu_core::{
    balance::{self, hash},
    directory::{NameError, Service, Snapshot},
    name::Device,
};
use http::{HeaderMap, Request};

use super::{Front, authority::Wanted, headers, refusal::Refusal};
use crate::{dial, listen::binding::Reach};

/// The port of a name without one, when the Service has several.
const HTTP: u16 = 80;

/// What `request` asks of the balance stack.
pub(super) fn ask<B>(front: &Front, request: &Request<B>, wanted: &Wanted) -> Result<balance::Request, Refusal> {
    let ask = front.directory.with(|snapshot| match wanted.host.parse() {
        Ok(address) => by_address(snapshot, address, wanted, &front.own),
        Err(_) => by_name(snapshot, wanted, request.headers(), &front.own),
    })?;
    let key = request.headers().get(headers::KEY).map(|key| hash::bytes(key.as_bytes()));
    Ok(balance::Request { key, ..ask })
}

fn by_name(
    snapshot: &Snapshot,
    wanted: &Wanted,
    headers: &HeaderMap,
    own: &Device,
) -> Result<balance::Request, Refusal> {
    let named = snapshot.resolve(&wanted.host).map_err(|error| match error {
        NameError::Form(_) => Refusal::Outside(wanted.host.clone()),
        unknown => Refusal::Unknown(unknown),
    })?;
    let device = device(named.device, headers)?;
    let Some(service) = snapshot.service(&named.service) else { return Err(Refusal::Outside(wanted.host.clone())) };
    let port = wanted.port.unwrap_or_else(|| only_port(service));
    Ok(match device {
        Some(device) => balance::Request::to(named.service, port).on(device),
        None => dial::request(named.service, port, &Reach::of(service), own, None),
    })
}

/// The header says the device where the name does not; it never overrules the name.
fn device(named: Option<Device>, headers: &HeaderMap) -> Result<Option<Device>, Refusal> {
    let Some(value) = headers.get(headers::TARGET_DEVICE) else { return Ok(named) };
    let text = String::from_utf8_lossy(value.as_bytes());
    match named {
        Some(device) if device.as_str() != text => {
            Err(Refusal::Contradiction { name: device, header: text.into_owned() })
        }
        _ => Ok(Some(Device::from(&*text))),
    }
}

/// A device's address and a node port mean that device; a cluster address means what its listener means.
fn by_address(
    snapshot: &Snapshot,
    address: IpAddr,
    wanted: &Wanted,
    own: &Device,
) -> Result<balance::Request, Refusal> {
    let port = wanted.port.unwrap_or(HTTP);
    if let (Some(device), Some((service, at))) = (snapshot.device_at(address), snapshot.by_node_port(port)) {
        return Ok(balance::Request::to(service.key.clone(), service.ports[at].number).on(device.device.clone()));
    }
    match snapshot.by_address(address) {
        Some(service) => Ok(dial::request(service.key.clone(), port, &Reach::of(service), own, None)),
        None => Err(Refusal::Outside(SocketAddr::new(address, port).to_string())),
    }
}

fn only_port(service: &Service) -> u16 {
    match service.ports.as_slice() {
        [only] => only.number,
        _ => HTTP,
    }
}
