//! What a name means. Pure.
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use dayu_core::{
    directory::{Host, Port, Service, Snapshot},
    name::{Device, ServiceKey},
};

/// The domain of the cluster's names.
const DOMAIN: &str = "cluster.local";

/// What is said of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It is there, with these; perhaps nothing but names within.
    Told(Vec<Fact>),
    /// A Service on one device, whatever address that has here.
    On(ServiceKey, Device),
    /// Another name for this one.
    Alias(String),
    /// There is no such name.
    Nothing,
    /// Not everything is known yet: it may be there.
    NotYet,
    /// Others have to be asked.
    Elsewhere,
}

/// One thing that is known of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    /// It is there.
    Address(IpAddr),
    /// What it names is served there.
    Place { host: String, port: u16, addresses: Vec<IpAddr> },
    /// As an address, it is this one's.
    Owner(String),
}

/// What `name`, in lower case, means to those on this device.
pub(super) fn meaning(snapshot: &Snapshot, name: &str) -> Meaning {
    if let Some(address) = reversed(name) {
        return owner(snapshot, address).map_or(Meaning::Elsewhere, |owner| Meaning::Told(vec![Fact::Owner(owner)]));
    }
    let inner = match name.strip_suffix(DOMAIN) {
        Some("") => return BARE,
        Some(inner) if inner.ends_with('.') => inner.trim_end_matches('.'),
        _ if name == "svc" || name.ends_with(".svc") => name,
        _ => return Meaning::Elsewhere,
    };
    // Asking others for names of the cluster would tell them of it, and take long where the cloud is away.
    let unknown = if snapshot.is_synced() { Meaning::Nothing } else { Meaning::NotYet };
    within(snapshot, inner).unwrap_or(unknown)
}

const BARE: Meaning = Meaning::Told(Vec::new());

/// What a name of the cluster means, without its domain.
fn within(snapshot: &Snapshot, name: &str) -> Option<Meaning> {
    let (path, zone) = name.rsplit_once('.').unwrap_or(("", name));
    match (path.rsplit_once('.'), zone) {
        (None, "svc" | "pod") if path.is_empty() => Some(BARE),
        (None, "svc" | "pod") => snapshot.all_known().any(|service| &*service.key.namespace == path).then_some(BARE),
        (Some((pod, _)), "pod") => Some(Meaning::Told(vec![Fact::Address(dashed(pod)?)])),
        (Some((path, namespace)), "svc") => of_service(snapshot, path, namespace),
        _ => None,
    }
}

/// A Service, or what stands before its name.
fn of_service(snapshot: &Snapshot, path: &str, namespace: &str) -> Option<Meaning> {
    let (before, name) = path.rsplit_once('.').map_or((None, path), |(before, name)| (Some(before), name));
    let service = snapshot.known(&ServiceKey::new(namespace, name))?;
    let is_complete = snapshot.is_synced() || snapshot.is_stale() || !service.addresses.is_empty();
    match before {
        _ if service.alias.is_some() => service.alias.as_deref().filter(|_| before.is_none()).map(alias),
        None => is_complete.then(|| Meaning::Told(addresses(service).into_iter().map(Fact::Address).collect())),
        Some(port) if port.starts_with('_') => is_complete.then(|| places(service, port))?,
        Some(before) => host(service, before).or_else(|| {
            let device = snapshot.device(before).filter(|_| snapshot.service(&service.key).is_some())?;
            Some(Meaning::On(service.key.clone(), device.device.clone()))
        }),
    }
}

fn alias(name: &str) -> Meaning {
    Meaning::Alias(name.to_owned())
}

/// A Service without an address of its own is its ready endpoints.
fn addresses(service: &Service) -> Vec<IpAddr> {
    if !service.addresses.is_empty() {
        return service.addresses.clone();
    }
    let mut all: Vec<_> = service.hosts.iter().map(|host| host.address).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// One endpoint of a Service without an address of its own.
fn host(service: &Service, name: &str) -> Option<Meaning> {
    let its = service.hosts.iter().filter(|host| &*host.name == name);
    let facts: Vec<_> = its.map(|host| Fact::Address(host.address)).collect();
    (!facts.is_empty()).then_some(Meaning::Told(facts))
}

/// Where `_<port>._<protocol>` of a Service is served.
fn places(service: &Service, label: &str) -> Option<Meaning> {
    // A protocol without a port is a place where names begin.
    let Some((name, protocol)) = label.split_once("._") else { return Some(BARE) };
    let is_tcp = protocol == "tcp";
    let port = service.ports.iter().find(|port| port.tcp == is_tcp && label_of(&port.name) == name)?;
    let its = name_of(&service.key);
    Some(Meaning::Told(if service.addresses.is_empty() {
        service.hosts.iter().filter_map(|host| place(&its, host, port)).collect()
    } else {
        vec![Fact::Place { host: its, port: port.number, addresses: service.addresses.clone() }]
    }))
}

fn label_of(port: &str) -> String {
    format!("_{port}").to_ascii_lowercase()
}

/// One endpoint's, if it serves that port.
fn place(service: &str, host: &Host, port: &Port) -> Option<Fact> {
    let endpoint = port.endpoints.all().iter().find(|endpoint| endpoint.address.ip() == host.address)?;
    let name = format!("{}.{service}", host.name);
    Some(Fact::Place { host: name, port: endpoint.address.port(), addresses: vec![host.address] })
}

fn name_of(service: &ServiceKey) -> String {
    format!("{}.{}.svc.{DOMAIN}", service.name, service.namespace)
}

/// The name of what has an address: a Service, or an endpoint of one without.
fn owner(snapshot: &Snapshot, address: IpAddr) -> Option<String> {
    let has = |service: &&Arc<Service>| service.addresses.contains(&address);
    if let Some(service) = snapshot.by_address(address).or_else(|| snapshot.all_known().find(has)) {
        return Some(name_of(&service.key));
    }
    snapshot.all_known().find_map(|service| {
        let host = service.hosts.iter().find(|host| host.address == address)?;
        Some(format!("{}.{}", host.name, name_of(&service.key)))
    })
}

/// The address that a name for asking who has it stands for.
fn reversed(name: &str) -> Option<IpAddr> {
    if let Some(digits) = name.strip_suffix(".in-addr.arpa") {
        let bytes: Vec<u8> = digits.rsplit('.').map(str::parse).collect::<Result<_, _>>().ok()?;
        return <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    }
    let digits: String = name.strip_suffix(".ip6.arpa")?.rsplit('.').collect();
    let is_whole = digits.len() == 32 && name.split('.').take(32).all(|digit| digit.len() == 1);
    let bits = is_whole.then(|| u128::from_str_radix(&digits, 16).ok())??;
    Some(Ipv6Addr::from_bits(bits).into())
}

/// A pod's address as a label.
fn dashed(label: &str) -> Option<IpAddr> {
    let v4 = label.replace('-', ".").parse::<Ipv4Addr>().ok().map(IpAddr::from);
    v4.or_else(|| label.replace('-', ":").parse::<Ipv6Addr>().ok().map(IpAddr::from))
}

#[cfg(test)]
mod tests;
