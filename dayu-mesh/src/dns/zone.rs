//! What a name means. Pure.
use std::net::IpAddr;

use dayu_core::{
    directory::{NameError, Service, Snapshot},
    name::{Device, ServiceKey},
};

/// What is said of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// These addresses.
    Addresses(Vec<IpAddr>),
    /// A Service on one device, whatever address that has here.
    On(ServiceKey, Device),
    /// There is no such name.
    Nothing,
    /// Not everything is known yet: it may be there.
    NotYet,
    /// Others have to be asked.
    Elsewhere,
}

/// What `name`, in lower case, means to those on this device.
pub(super) fn meaning(snapshot: &Snapshot, name: &str) -> Meaning {
    match snapshot.resolve(name) {
        Ok(named) => match (named.device, snapshot.service(&named.service)) {
            (Some(device), _) => Meaning::On(named.service, device),
            (None, Some(service)) => Meaning::Addresses(addresses(service)),
            (None, None) => Meaning::Nothing,
        },
        Err(NameError::Form(_)) if !is_ours(name) => Meaning::Elsewhere,
        // Asking others for names of the cluster would tell them of it, and take long where the cloud is away.
        Err(_) if snapshot.is_synced() => Meaning::Nothing,
        Err(_) => Meaning::NotYet,
    }
}

/// A Service without an address of its own is its ready endpoints.
fn addresses(service: &Service) -> Vec<IpAddr> {
    if !service.addresses.is_empty() {
        return service.addresses.clone();
    }
    let endpoints = service.ports.iter().flat_map(|port| port.endpoints.all());
    let mut all: Vec<_> = endpoints.filter(|endpoint| endpoint.ready).map(|endpoint| endpoint.address.ip()).collect();
    all.sort();
    all.dedup();
    all
}

fn is_ours(name: &str) -> bool {
    ["cluster.local", "svc"]
        .iter()
        .any(|zone| name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use dayu_core::directory::{Change, DeviceRecord, Directory, EndpointRecord, ServiceRecord, SliceRecord};

    use super::*;

    fn of(directory: &Directory, name: &str) -> Meaning {
        directory.with(|snapshot| meaning(snapshot, name))
    }

    fn directory() -> Directory {
        let directory = Directory::new();
        let (det, bare) = (ServiceKey::new("ns", "det"), ServiceKey::new("ns", "bare"));
        let device = DeviceRecord { device: "cloud.kubeedge".into(), version: 1, addresses: vec![], ready: true };
        for change in [
            Change::Device(device),
            Change::Service(ServiceRecord {
                addresses: vec![[10, 96, 0, 7].into()],
                ..ServiceRecord::new(det).port(90)
            }),
            Change::Service(ServiceRecord::new(bare.clone()).port(90)),
            Change::Slice(SliceRecord::new(
                &bare,
                "bare-1",
                80,
                [EndpointRecord::new([10, 88, 1, 2]).on("cloud.kubeedge")],
            )),
        ] {
            directory.apply(change);
        }
        directory
    }

    #[test]
    fn services_have_their_addresses_and_headless_ones_their_endpoints() {
        let directory = directory();
        for name in ["det.ns.svc", "det.ns.svc.cluster.local"] {
            assert_eq!(of(&directory, name), Meaning::Addresses(vec![[10, 96, 0, 7].into()]));
        }
        assert_eq!(of(&directory, "bare.ns.svc"), Meaning::Addresses(vec![[10, 88, 1, 2].into()]));
        let named = Meaning::On(ServiceKey::new("ns", "det"), "cloud.kubeedge".into());
        assert_eq!(of(&directory, "cloud.kubeedge.det.ns.svc.cluster.local"), named);
    }

    #[test]
    fn what_is_ours_is_asked_of_nobody_else() {
        let directory = directory();
        let unknown = ["nobody.ns.svc", "edge9.det.ns.svc", "det.ns.svc.ns.svc.cluster.local", "cluster.local"];
        for name in unknown {
            assert_eq!(of(&directory, name), Meaning::NotYet, "{name}");
        }
        directory.apply(Change::Synced);
        for name in unknown {
            assert_eq!(of(&directory, name), Meaning::Nothing, "{name}");
        }
        for name in ["example.org", "mycluster.local", "msvc", "2.1.88.10.in-addr.arpa", ""] {
            assert_eq!(of(&directory, name), Meaning::Elsewhere, "{name}");
        }
    }
}
