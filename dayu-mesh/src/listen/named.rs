//! Addresses that stand for a Service on one device each: what `<device>.<service>.<namespace>.svc` is to programs that only
//! know addresses. Pure.
use std::{
    collections::{BTreeMap, HashSet},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use dayu_core::{
    balance::hash,
    directory::{Service, Snapshot},
    name::{Device, ServiceKey},
};
use ipnet::Ipv4Net;

use super::{Binding, Sharing, binding::Reach};

/// Addresses at once: each is a listener for every port of its Service, and pods may ask for any of them.
const MOST: usize = 1_024;

/// The addresses that were given. One is kept as long as there are its Service and its device.
#[derive(Debug)]
pub(crate) struct Named {
    range: Ipv4Net,
    given: BTreeMap<ServiceKey, BTreeMap<Device, Ipv4Addr>>,
    taken: HashSet<Ipv4Addr>,
}

impl Named {
    /// None yet; they will be of `range`.
    pub(crate) fn new(range: Ipv4Net) -> Self {
        Self { range, given: BTreeMap::new(), taken: HashSet::new() }
    }

    /// The address of `service` on `device`: follows from the names, so that after a restart nobody is led elsewhere by what
    /// he remembers. None where all are taken.
    pub(crate) fn address(&mut self, service: &ServiceKey, device: &Device) -> Option<Ipv4Addr> {
        if let Some(address) = self.given.get(service).and_then(|given| given.get(device)) {
            return Some(*address);
        }
        // Neither the first nor the last of a network, which may mean all of it.
        let room = (1u64 << (32 - self.range.prefix_len())).checked_sub(2).filter(|room| *room > 0)?;
        if self.taken.len() >= MOST.min(usize::try_from(room).unwrap_or(MOST)) {
            return None;
        }
        let first = u64::from(u32::from(self.range.network())) + 1;
        let start = hash::bytes(format!("{device}/{service}").as_bytes()) % room;
        let address = (0..room)
            .filter_map(|step| u32::try_from(first + (start + step) % room).ok().map(Ipv4Addr::from))
            .find(|address| !self.taken.contains(address))?;
        self.taken.insert(address);
        self.given.entry(service.clone()).or_default().insert(device.clone(), address);
        Some(address)
    }

    /// Gives up addresses of Services and devices that are gone; tells whose they were.
    pub(crate) fn retain_known(&mut self, snapshot: &Snapshot) -> Vec<ServiceKey> {
        let Self { given, taken, .. } = self;
        let mut changed = Vec::new();
        given.retain(|service, devices| {
            let before = devices.len();
            let there = snapshot.service(service).is_some();
            devices.retain(|device, address| {
                let known = there && snapshot.device(device.as_str()).is_some();
                if !known {
                    taken.remove(address);
                }
                known
            });
            if devices.len() < before {
                changed.push(service.clone());
            }
            !devices.is_empty()
        });
        changed
    }

    /// The listeners at the addresses of `service`.
    pub(crate) fn desired(&self, service: &Service) -> BTreeMap<SocketAddr, Arc<Binding>> {
        let places = self.given.get(&service.key).into_iter().flatten();
        let of_place = |(device, address): (&Device, &Ipv4Addr)| {
            let (device, address) = (device.clone(), IpAddr::from(*address));
            let ports = service.ports.iter().filter(|port| port.tcp && port.number > 0);
            ports.map(move |port| {
                let binding = Binding {
                    service: service.key.clone(),
                    uid: service.uid.clone(),
                    port: port.number,
                    reach: Reach::On(device.clone()),
                    sharing: Sharing::Exclusive,
                    beside: None,
                };
                (SocketAddr::new(address, port.number), Arc::new(binding))
            })
        };
        places.flat_map(of_place).collect()
    }
}

#[cfg(test)]
mod tests {
    use dayu_core::directory::{Change, DeviceRecord, Directory, ServiceRecord};

    use super::*;

    fn service(name: &str) -> ServiceKey {
        ServiceKey::new("ns", name)
    }

    #[test]
    fn an_address_follows_from_the_names_and_is_never_given_twice() {
        let range = "241.0.0.0/29".parse().unwrap();
        let (mut one, mut other) = (Named::new(range), Named::new(range));
        let given: Vec<_> = (0..6).map(|n| one.address(&service("det"), &format!("edge{n}").into()).unwrap()).collect();
        assert_eq!(one.address(&service("det"), &"edge6".into()), None, "six are all that /29 has for us");
        assert_eq!(one.address(&service("det"), &"edge3".into()), Some(given[3]), "the same again");
        assert_eq!(other.address(&service("det"), &"edge0".into()), Some(given[0]), "and for the next mesh");
        let distinct: HashSet<_> = given.iter().collect();
        assert_eq!(distinct.len(), 6);
        assert!(
            given
                .iter()
                .all(|address| range.contains(address) && ![range.network(), range.broadcast()].contains(address))
        );
    }

    #[test]
    fn what_is_gone_gives_its_address_up() {
        let directory = Directory::new();
        for name in ["edge1", "edge2"] {
            let device = DeviceRecord { version: 1, ..DeviceRecord::new(name) };
            directory.apply(Change::Device(device));
        }
        let record = ServiceRecord::new(service("det")).port(90);
        directory.apply(Change::Service(record.clone()));
        let mut named = Named::new("241.0.0.0/16".parse().unwrap());
        let [first, second] = ["edge1", "edge2"].map(|device| named.address(&record.key, &device.into()).unwrap());
        assert!(directory.with(|snapshot| named.retain_known(snapshot)).is_empty());
        let snapshot = directory.snapshot();
        let desired = named.desired(snapshot.service(&record.key).unwrap());
        assert_eq!(desired.len(), 2, "one port on two devices");
        assert_eq!(desired[&(IpAddr::from(second), 90).into()].reach, Reach::On("edge2".into()));

        directory.apply(Change::DeviceGone("edge1".into()));
        assert_eq!(directory.with(|snapshot| named.retain_known(snapshot)), std::slice::from_ref(&record.key));
        let left = named.desired(snapshot.service(&record.key).unwrap());
        assert!(left.len() == 1 && !left.contains_key(&(IpAddr::from(first), 90).into()));
        directory.apply(Change::ServiceGone { key: record.key.clone(), uid: record.uid.clone() });
        assert_eq!(directory.with(|snapshot| named.retain_known(snapshot)), [record.key]);
        assert!(named.given.is_empty() && named.taken.is_empty());
    }
}
