//! Versions, incarnations, names, and every disorder of changes.
use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::{
    core::v1::{Node, Service},
    discovery::v1::EndpointSlice,
};
use proptest::{collection::vec, prelude::*};
use serde_json::json;

use super::*;
use crate::name::ServiceKey;

fn service(name: &str, uid: &str, version: u64) -> ServiceRecord {
    let port = |name: &str, number| PortRecord {
        name: name.into(),
        protocol: "TCP".into(),
        number,
        node_port: Some(number + 20_000),
        target: Some(number),
    };
    ServiceRecord {
        uid: uid.into(),
        version,
        kind: "NodePort".into(),
        addresses: vec![[127, 96, 0, 1].into()],
        ports: vec![port("web", 9000), port("stats", 9001)],
        ..ServiceRecord::new(ServiceKey::new("ns", name))
    }
}

fn endpoint(device: &str, pod: &str, last: u8) -> EndpointRecord {
    EndpointRecord {
        pod: Some(PodRef { name: pod.into(), uid: format!("uid-{pod}").into() }),
        ..EndpointRecord::new([10, 0, 0, last]).on(device)
    }
}

fn slice(name: &str, version: u64, endpoints: Vec<EndpointRecord>) -> SliceRecord {
    SliceRecord {
        namespace: "ns".into(),
        name: name.into(),
        service: "det".into(),
        version,
        labels: BTreeMap::new(),
        ports: vec![("web".into(), 80), ("stats".into(), 81)],
        endpoints,
    }
}

fn device(name: &str, version: u64, ready: bool) -> Change {
    Change::Device(DeviceRecord { version, addresses: vec![[127, 64, 1, 1].into()], ready, ..DeviceRecord::new(name) })
}

fn det() -> ServiceKey {
    ServiceKey::new("ns", "det")
}

fn pods(directory: &Directory, port: usize) -> Vec<String> {
    let snapshot = directory.snapshot();
    let all = snapshot.service(&det()).map(|service| service.ports[port].endpoints.clone()).unwrap_or_default();
    all.all().iter().map(|one| format!("{}/{}", one.device, one.pod.as_ref().unwrap().name)).collect()
}

#[test]
fn slices_join_by_port_and_lie_sorted_by_device() {
    let directory = Directory::new();
    directory.apply(Change::Slice(slice("a", 1, vec![endpoint("edge2", "p3", 3), endpoint("edge1", "p1", 1)])));
    directory.apply(Change::Service(service("det", "u", 1)));
    let only_web = SliceRecord { ports: vec![("web".into(), 80)], ..slice("b", 2, vec![endpoint("edge1", "p2", 2)]) };
    directory.apply(Change::Slice(only_web));
    assert_eq!(pods(&directory, 0), ["edge1/p1", "edge1/p2", "edge2/p3"], "a slice may come before its Service");
    assert_eq!(pods(&directory, 1), ["edge1/p1", "edge2/p3"]);
    let snapshot = directory.snapshot();
    let endpoints = &snapshot.service(&det()).unwrap().ports[0].endpoints;
    assert_eq!((endpoints.range("edge1"), endpoints.range("edge2"), endpoints.range("edge3")), (0..2, 2..3, 0..0));
    assert!(directory.apply(Change::SliceGone { namespace: "ns".into(), name: "a".into() }));
    assert_eq!(pods(&directory, 0), ["edge1/p2"]);
}

#[test]
fn equal_addresses_on_two_devices_are_two_and_one_listed_twice_is_one() {
    let directory = Directory::new();
    directory.apply(Change::Service(service("det", "u", 1)));
    let twice = vec![
        endpoint("edge1", "a", 1),
        endpoint("edge2", "b", 1),
        endpoint("edge1", "c", 1),
        endpoint("edge1", "a", 1),
    ];
    directory.apply(Change::Slice(slice("a", 1, twice)));
    assert_eq!(pods(&directory, 0), ["edge1/a", "edge1/c", "edge2/b"]);
}

#[test]
fn an_address_is_shared_as_long_as_two_devices_have_it() {
    let directory = Directory::new();
    let address = [10, 0, 0, 1].into();
    let is_shared = || directory.with(|snapshot| snapshot.is_shared(address));
    directory.apply(Change::Slice(slice("a", 1, vec![endpoint("edge1", "a", 1), endpoint("edge1", "b", 1)])));
    assert!(!is_shared(), "two pods of one device");
    assert!(directory.apply(Change::Slice(slice("b", 2, vec![endpoint("edge2", "c", 1)]))), "a difference to who asks");
    assert!(is_shared());
    directory.apply(Change::Slice(slice("a", 3, vec![endpoint("edge1", "a", 1)])));
    assert!(is_shared());
    directory.apply(Change::Slice(slice("a", 4, vec![endpoint("edge1", "a", 2)])));
    assert!(!is_shared());
    directory.apply(Change::Slice(slice("a", 5, vec![endpoint("edge1", "a", 1)])));
    assert!(is_shared());
    directory.apply(Change::SliceGone { namespace: "ns".into(), name: "b".into() });
    assert!(!is_shared());
}

#[test]
fn what_was_measured_stays_with_the_endpoint_and_not_with_the_address() {
    let directory = Directory::new();
    directory.apply(Change::Service(service("det", "u", 1)));
    directory.apply(Change::Slice(slice("a", 1, vec![endpoint("edge1", "a", 1), endpoint("edge1", "b", 2)])));
    let loads = || -> Vec<_> {
        let snapshot = directory.snapshot();
        let endpoints = &snapshot.service(&det()).unwrap().ports[0].endpoints;
        endpoints.all().iter().map(|endpoint| endpoint.load.clone()).collect()
    };
    let before = loads();
    before.iter().for_each(|load| drop(load.begin()));
    directory.apply(Change::Slice(slice("a", 2, vec![endpoint("edge1", "a", 1), endpoint("edge1", "new", 2)])));
    let after = loads();
    assert!(Arc::ptr_eq(&before[0], &after[0]));
    assert!(!Arc::ptr_eq(&before[1], &after[1]), "another pod at the same address is another endpoint");
    assert_eq!(after[1].served(), 1, "and begins like its peers");
}

#[test]
fn a_change_shares_what_it_does_not_touch_and_an_old_snapshot_stays_as_it_was() {
    let directory = Directory::new();
    directory.apply(Change::Service(service("det", "u", 1)));
    directory.apply(Change::Service(service("other", "v", 1)));
    let before = directory.snapshot();
    directory.apply(Change::Slice(slice("a", 1, vec![endpoint("edge1", "a", 1)])));
    let after = directory.snapshot();
    let other = ServiceKey::new("ns", "other");
    assert!(Arc::ptr_eq(before.service(&other).unwrap(), after.service(&other).unwrap()));
    assert!(before.service(&det()).unwrap().ports[0].endpoints.all().is_empty());
    assert_eq!(before.version() + 1, after.version());
}

#[test]
fn older_versions_and_deletions_of_earlier_incarnations_do_nothing() {
    let directory = Directory::new();
    assert!(directory.apply(Change::Service(service("det", "new", 5))));
    assert!(!directory.apply(Change::Service(ServiceRecord { ports: Vec::new(), ..service("det", "new", 4) })));
    assert!(!directory.apply(Change::ServiceGone { key: det(), uid: "old".into() }));
    assert!(directory.apply(Change::Slice(slice("a", 5, vec![endpoint("edge1", "a", 1)]))));
    assert!(!directory.apply(Change::Slice(slice("a", 4, Vec::new()))));
    assert!(directory.apply(device("edge1", 5, true)));
    assert!(!directory.apply(device("edge1", 4, false)), "older");
    assert!(!directory.apply(device("edge1", 6, true)), "a heartbeat");
    assert_eq!(pods(&directory, 0), ["edge1/a"]);
    assert!(directory.apply(Change::ServiceGone { key: det(), uid: "new".into() }));
    let snapshot = directory.snapshot();
    assert!(snapshot.by_node_port(29_000).is_none() && snapshot.by_address([127, 96, 0, 1].into()).is_none());
}

#[test]
fn services_are_found_by_address_and_by_node_port() {
    let directory = Directory::new();
    directory.apply(Change::Service(service("det", "u", 1)));
    let snapshot = directory.snapshot();
    assert_eq!(snapshot.by_address([127, 96, 0, 1].into()).unwrap().key, det());
    let (found, port) = snapshot.by_node_port(29_001).unwrap();
    assert_eq!((&found.key, &*found.ports[port].name), (&det(), "stats"));
    directory.apply(Change::Service(ServiceRecord { ports: Vec::new(), ..service("det", "u", 2) }));
    assert!(directory.snapshot().by_node_port(29_001).is_none());
}

#[test]
fn one_that_is_left_to_others_is_known_by_name_alone() {
    let directory = Directory::new();
    let left = |version| ServiceRecord { carried: false, ..service("det", "u", version) };
    let state = || {
        let (snapshot, address) = (directory.snapshot(), [127, 96, 0, 1].into());
        let carried = [
            snapshot.service(&det()).is_some(),
            snapshot.by_address(address).is_some(),
            snapshot.by_node_port(29_000).is_some(),
            snapshot.services().next().is_some(),
        ];
        assert!(carried.iter().all(|one| *one == carried[0]), "{carried:?}");
        (carried[0], snapshot.known(&det()).map(|service| service.addresses.clone()), snapshot.all_known().count())
    };
    let known = Some(vec![[127, 96, 0, 1].into()]);
    for (change, carried) in [(left(1), false), (service("det", "u", 2), true), (left(3), false)] {
        assert!(directory.apply(Change::Service(change)));
        assert_eq!(state(), (carried, known.clone(), 1));
    }
    assert!(directory.apply(Change::ServiceGone { key: det(), uid: "u".into() }));
    assert_eq!(state(), (false, None, 0));
}

#[test]
fn ready_endpoints_of_a_service_without_addresses_have_names() {
    let directory = Directory::new();
    let bare = |version| ServiceRecord { addresses: Vec::new(), ports: Vec::new(), ..service("det", "u", version) };
    directory.apply(Change::Service(bare(1)));
    let first = EndpointRecord { hostname: Some("det-0".into()), ..endpoint("edge1", "a", 1) };
    let unready = EndpointRecord { ready: false, ..endpoint("edge1", "b", 2) };
    directory.apply(Change::Slice(slice("a", 1, vec![endpoint("edge2", "c", 3), first, unready])));
    let hosts = || directory.snapshot().service(&det()).unwrap().hosts.clone();
    let names: Vec<_> = hosts().iter().map(|host| (host.name.to_string(), host.address.to_string())).collect();
    assert_eq!(names, [("10-0-0-3", "10.0.0.3"), ("det-0", "10.0.0.1")].map(|(a, b)| (a.to_owned(), b.to_owned())));
    directory.apply(Change::Service(service("det", "u", 2)));
    assert!(hosts().is_empty(), "one with an address is that address");
}

#[test]
fn names_may_carry_a_device_with_dots() {
    let directory = Directory::new();
    directory.apply(Change::Service(service("det", "u", 1)));
    assert!(["edge1", "cloud.kubeedge"].iter().all(|name| directory.apply(device(name, 1, true))));
    let snapshot = directory.snapshot();
    let read = |host: &str| snapshot.resolve(host).map(|named| named.device.map(|device| device.to_string()));
    assert_eq!(read("det.ns.svc"), Ok(None));
    assert_eq!(read("DET.ns.svc.cluster.local."), Ok(None));
    assert_eq!(read("edge1.det.ns.svc"), Ok(Some("edge1".to_owned())));
    assert_eq!(read("cloud.kubeedge.det.ns.svc.cluster.local"), Ok(Some("cloud.kubeedge".to_owned())));
    assert!(
        matches!(read("kubeedge.det.ns.svc"), Err(NameError::UnknownDevice { device, .. }) if device == "kubeedge")
    );
    assert!(matches!(read("none.ns.svc"), Err(NameError::Unknown(_))));
    for host in ["none", ".det.ns.svc", "det.ns.cluster.local", "svc", "", "example.org", "none.ns"] {
        assert!(matches!(read(host), Err(NameError::Form(_))), "{host}");
    }
}

#[test]
fn short_names_mean_what_a_pod_would_find_and_never_one_of_several() {
    let directory = Directory::new();
    directory.apply(Change::Service(service("det", "u", 1)));
    directory.apply(device("edge1", 1, true));
    let read = |host: &str| directory.snapshot().resolve(host).map(|named| (named.service, named.device.is_some()));
    assert_eq!(read("det.ns"), Ok((det(), false)));
    assert_eq!(read("Edge1.Det.Ns."), Ok((det(), true)));
    let meant = |host: &str| match read(host) {
        Err(NameError::NoNamespace { meant, .. }) => meant,
        other => panic!("{other:?}"),
    };
    assert_eq!((meant("det"), meant("det.svc")), ("det.ns.svc".to_owned(), "det.ns.svc".to_owned()));
    directory.apply(Change::Service(ServiceRecord::new(ServiceKey::new("a", "det"))));
    assert_eq!(meant("det"), "det.a.svc or det.ns.svc");
}

#[test]
fn kubernetes_objects_are_read_as_they_are_meant() {
    let service: Service = serde_json::from_value(json!({
        "metadata": {"namespace": "ns", "name": "det", "uid": "u", "resourceVersion": "7", "labels": {"dayu.io/mesh-managed": "true", "x": "y"}},
        "spec": {"clusterIP": "None", "sessionAffinity": "ClientIP", "ports": [{"port": 80, "targetPort": "web"}]},
    })).unwrap();
    let record = ServiceRecord::from(&service);
    assert!(record.addresses.is_empty() && record.is_managed() && record.labels.len() == 1);
    assert_eq!((record.version, record.affinity, record.ports[0].target), (7, Some(10_800), None));
    let labelled = |label: &str, value: &str| {
        let mut service = service.clone();
        service.metadata.labels = Some([(label.to_owned(), value.to_owned())].into());
        ServiceRecord::from(&service).carried
    };
    assert!(labelled("service.kubernetes.io/service-proxy-name", ""));
    assert!(!labelled("service.kubernetes.io/service-proxy-name", "another"));
    assert!(!labelled("service.edgemesh.kubeedge.io/service-proxy-name", ""));
    let spec = json!({"metadata": {"name": "db"}, "spec": {"type": "ExternalName", "externalName": "Db.example.org."}});
    let alias = ServiceRecord::from(&serde_json::from_value::<Service>(spec).unwrap());
    assert_eq!((alias.carried, alias.alias.as_deref()), (false, Some("db.example.org")));
    let slice: EndpointSlice = serde_json::from_value(json!({
        "metadata": {"namespace": "ns", "name": "det-x", "labels": {"kubernetes.io/service-name": "det"}}, "addressType": "IPv4",
        "ports": [{"name": "", "port": 8080}],
        "endpoints": [
            {"addresses": ["10.0.0.1"], "nodeName": "edge1", "hostname": "det-0", "targetRef": {"kind": "Pod", "name": "p", "uid": "pu"}},
            {"addresses": ["10.0.0.2"], "conditions": {"ready": false, "serving": true, "terminating": true}},
        ],
    })).unwrap();
    let record = SliceRecord::from(&slice);
    assert_eq!((&*record.service, record.version), ("det", 0));
    let states: Vec<_> = record.endpoints.iter().map(|one| (one.ready, one.serving, one.terminating)).collect();
    assert_eq!(states, [(true, true, false), (false, true, true)]);
    assert_eq!(record.endpoints[0].hostname.as_deref(), Some("det-0"));
    let node: Node = serde_json::from_value(json!({
        "metadata": {"name": "edge1", "resourceVersion": "3"},
        "status": {"addresses": [{"type": "Hostname", "address": "x"}, {"type": "InternalIP", "address": "127.64.1.1"}], "conditions": [{"type": "Ready", "status": "True"}]},
    })).unwrap();
    assert_eq!(Change::Device(DeviceRecord::from(&node)), device("edge1", 3, true));
}

#[test]
fn what_was_recalled_gives_way_to_whatever_the_source_says() {
    let told: Directory = [Change::Service(service("det", "u", 9)), device("edge1", 9, true)].into_iter().collect();
    let directory = Directory::new();
    kept(&told).into_iter().chain([Change::Recalled]).for_each(|change| _ = directory.apply(change));
    assert!(directory.snapshot().is_stale() && !directory.snapshot().is_synced());
    let restored = ServiceRecord { ports: Vec::new(), ..service("det", "u", 2) };
    assert!(directory.apply(Change::Service(restored)), "the source may have been restored from an older state");
    assert!(directory.apply(device("edge1", 2, false)));
    assert!(directory.snapshot().service(&det()).is_some_and(|service| service.ports.is_empty()));
    assert!(directory.apply(Change::Synced) && !directory.apply(Change::Recalled));
    assert!(directory.snapshot().is_synced() && !directory.snapshot().is_stale());
}

/// What is read again after it was written down.
fn kept(directory: &Directory) -> Records {
    serde_json::from_slice(&serde_json::to_vec(&directory.records()).unwrap()).unwrap()
}

/// What stands at one moment: whether the Service does, and the pods of each of two slices.
type Moment = (bool, Vec<u8>, Vec<u8>);

proptest! {
    /// Changes that are delayed, repeated and reordered within what a watch may do (objects among each other in any order,
    /// stale versions again) end in the same table as the newest ones alone.
    #[test]
    fn any_disorder_ends_in_the_newest_state(
        history in vec((any::<bool>(), vec(0..6u8, 0..4), vec(0..6u8, 0..4)), 1..8),
        replays in vec((0..8usize, 0..3u8), 0..12),
    ) {
        let changes = |version: usize, (_, one, two): &Moment| {
            let record = |name: &str, pods: &[u8]| {
                let endpoints = pods.iter().map(|pod| endpoint(if pod % 2 == 0 { "edge1" } else { "edge2" }, &format!("p{pod}"), *pod));
                Change::Slice(slice(name, version as u64 + 1, endpoints.collect()))
            };
            [Change::Service(service("det", "u", version as u64 + 1)), record("a", one), record("b", two)]
        };
        let disordered = Directory::new();
        for (version, moment) in history.iter().enumerate() {
            let [service, one, two] = changes(version, moment);
            let order = if moment.0 { [two, service, one] } else { [one, two, service] };
            order.into_iter().for_each(|change| _ = disordered.apply(change));
            for (at, which) in replays.iter().filter(|(at, _)| *at <= version) {
                let [service, one, two] = changes(*at, &history[*at]);
                disordered.apply(match which { 0 => service, 1 => one, _ => two });
            }
        }
        let newest = Directory::new();
        changes(history.len() - 1, history.last().unwrap()).into_iter().for_each(|change| _ = newest.apply(change));
        prop_assert_eq!(pods(&disordered, 0), pods(&newest, 0));
        prop_assert_eq!(pods(&disordered, 1), pods(&newest, 1));
        let recalled: Directory = kept(&disordered).into_iter().collect();
        prop_assert_eq!(pods(&recalled, 0), pods(&newest, 0));
        prop_assert_eq!(pods(&recalled, 1), pods(&newest, 1));
        prop_assert_eq!(kept(&recalled), kept(&newest), "in whatever order it was told");
    }
}
