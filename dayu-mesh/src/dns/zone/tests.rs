use dayu_core::directory::{Change, DeviceRecord, Directory, EndpointRecord, PortRecord, ServiceRecord, SliceRecord};

use super::*;

fn of(directory: &Directory, name: &str) -> Meaning {
    directory.with(|snapshot| meaning(snapshot, name))
}

fn at(addresses: &[[u8; 4]]) -> Meaning {
    Meaning::Told(addresses.iter().map(|address| Fact::Address((*address).into())).collect())
}

fn key(name: &str) -> ServiceKey {
    ServiceKey::new("ns", name)
}

fn service(name: &str) -> ServiceRecord {
    ServiceRecord { addresses: vec![[10, 96, 0, 7].into()], ..ServiceRecord::new(key(name)).port(90) }
}

fn port(name: &str, protocol: &str, number: u16) -> PortRecord {
    PortRecord { name: name.into(), protocol: protocol.into(), number, node_port: None, target: None }
}

/// A Service with an address, one with two named pods and one that nobody named, one that another proxy carries, an alias.
fn directory() -> Directory {
    let device = DeviceRecord { version: 1, ..DeviceRecord::new("cloud.kubeedge") };
    let pod = |last: u8| EndpointRecord::new([10, 88, 1, last]).on("cloud.kubeedge");
    let named = |last| EndpointRecord { hostname: Some(format!("redis-{last}").into()), ..pod(last) };
    let ports = vec![port("peers", "TCP", 6379), port("gossip", "UDP", 6380)];
    let slice = SliceRecord {
        ports: vec![("peers".into(), 7379)],
        ..SliceRecord::new(&key("redis"), "redis-1", 0, [named(1), named(2), EndpointRecord { ready: false, ..pod(9) }])
    };
    let alias = Some("db.example.org".into());
    [
        Change::Device(device),
        service("det").into(),
        ServiceRecord { ports: ports.clone(), ..ServiceRecord::new(key("redis")) }.into(),
        slice.into(),
        // It has no ports, and so its slice has none.
        ServiceRecord::new(key("bare")).into(),
        SliceRecord { ports: vec![], ..SliceRecord::new(&key("bare"), "bare-1", 0, [pod(3)]) }.into(),
        ServiceRecord { carried: false, ports, addresses: vec![[10, 96, 0, 8].into()], ..service("left") }.into(),
        ServiceRecord { carried: false, alias, ..ServiceRecord::new(key("db")) }.into(),
    ]
    .into_iter()
    .collect()
}

#[test]
fn services_have_their_addresses_and_headless_ones_their_endpoints() {
    let directory = directory();
    for name in ["det.ns.svc", "det.ns.svc.cluster.local"] {
        assert_eq!(of(&directory, name), at(&[[10, 96, 0, 7]]));
    }
    assert_eq!(of(&directory, "redis.ns.svc"), at(&[[10, 88, 1, 1], [10, 88, 1, 2]]), "those that are ready");
    assert_eq!(of(&directory, "bare.ns.svc"), at(&[[10, 88, 1, 3]]));
    let named = Meaning::On(key("det"), "cloud.kubeedge".into());
    assert_eq!(of(&directory, "cloud.kubeedge.det.ns.svc.cluster.local"), named);
}

#[test]
fn services_that_somebody_else_carries_have_names_and_no_device() {
    let directory = directory();
    assert_eq!(of(&directory, "left.ns.svc.cluster.local"), at(&[[10, 96, 0, 8]]));
    assert_eq!(of(&directory, "cloud.kubeedge.left.ns.svc"), Meaning::Nothing);
    assert_eq!(of(&directory, "db.ns.svc"), Meaning::Alias("db.example.org".to_owned()));
    assert_eq!(of(&directory, "cloud.kubeedge.db.ns.svc"), Meaning::Nothing);
}

#[test]
fn pods_have_names_of_their_own() {
    let directory = directory();
    assert_eq!(of(&directory, "redis-2.redis.ns.svc.cluster.local"), at(&[[10, 88, 1, 2]]));
    assert_eq!(of(&directory, "10-88-1-3.bare.ns.svc.cluster.local"), at(&[[10, 88, 1, 3]]));
    assert_eq!(of(&directory, "redis-3.redis.ns.svc.cluster.local"), Meaning::Nothing);
    assert_eq!(of(&directory, "10-1-2-3.any.pod.cluster.local"), at(&[[10, 1, 2, 3]]));
    let v6 = Fact::Address("fd00::7".parse().unwrap());
    assert_eq!(of(&directory, "fd00--7.any.pod.cluster.local"), Meaning::Told(vec![v6]));
    assert_eq!(of(&directory, "10-1-2.any.pod.cluster.local"), Meaning::Nothing);
}

#[test]
fn ports_have_names_by_protocol() {
    let directory = directory();
    let place = |host: &str, port, last: [u8; 4]| Fact::Place {
        host: format!("{host}.ns.svc.cluster.local"),
        port,
        addresses: vec![last.into()],
    };
    let peers = vec![place("redis-1.redis", 7379, [10, 88, 1, 1]), place("redis-2.redis", 7379, [10, 88, 1, 2])];
    assert_eq!(of(&directory, "_peers._tcp.redis.ns.svc.cluster.local"), Meaning::Told(peers));
    let left = vec![place("left", 6380, [10, 96, 0, 8])];
    assert_eq!(of(&directory, "_gossip._udp.left.ns.svc.cluster.local"), Meaning::Told(left));
    for unknown in ["_gossip._tcp", "_none._tcp"] {
        assert_eq!(of(&directory, &format!("{unknown}.left.ns.svc.cluster.local")), Meaning::Nothing);
    }
}

#[test]
fn addresses_have_owners() {
    let directory = directory();
    let owned = |name: &str| Meaning::Told(vec![Fact::Owner(name.to_owned())]);
    assert_eq!(of(&directory, "7.0.96.10.in-addr.arpa"), owned("det.ns.svc.cluster.local"));
    assert_eq!(of(&directory, "2.1.88.10.in-addr.arpa"), owned("redis-2.redis.ns.svc.cluster.local"));
    let v6 = format!("7.{}d.f.ip6.arpa", "0.".repeat(29));
    assert_eq!(reversed(&v6), Some("fd00::7".parse().unwrap()));
    for other in ["9.1.88.10.in-addr.arpa", "88.10.in-addr.arpa", "x.0.96.10.in-addr.arpa", &v6, "0.ip6.arpa"] {
        assert_eq!(of(&directory, other), Meaning::Elsewhere, "{other}");
    }
}

#[test]
fn what_is_ours_is_asked_of_nobody_else() {
    let directory = Directory::new();
    directory.apply(Change::Service(service("det")));
    directory.apply(Change::Service(ServiceRecord::new(key("bare"))));
    let unknown =
        ["nobody.ns.svc", "edge9.det.ns.svc", "det.ns.svc.ns.svc.cluster.local", "none.svc", "x.cluster.local"];
    for name in unknown.iter().chain(&["bare.ns.svc"]) {
        assert_eq!(of(&directory, name), Meaning::NotYet, "{name}");
    }
    directory.apply(Change::Synced);
    for name in unknown {
        assert_eq!(of(&directory, name), Meaning::Nothing, "{name}");
    }
    for name in ["bare.ns.svc", "ns.svc", "ns.pod.cluster.local", "svc", "svc.cluster.local", "cluster.local"] {
        assert_eq!(of(&directory, name), BARE, "{name}: there are names within");
    }
    for name in ["example.org", "mycluster.local", "msvc", "1-2-3-4.ns.pod", ""] {
        assert_eq!(of(&directory, name), Meaning::Elsewhere, "{name}");
    }
}
