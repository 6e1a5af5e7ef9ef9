//! The contract's fields, the rules one by one, and every disorder of events.
use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use proptest::prelude::*;

use super::{LABELS, Phase, Portal, Routes, SourceState};
use crate::{
    directory::{EndpointRecord, Gate, PodRef, PortRecord, ServiceRecord, SliceRecord},
    name::{ServiceKey, Uid},
};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn labels(owner: &str) -> BTreeMap<Arc<str>, Arc<str>> {
    let values = ["true", "install", "3", "a", "processor", owner];
    LABELS.iter().zip(values).map(|(key, value)| ((*key).into(), value.into())).collect()
}

fn service(uid: &str, owner: &str) -> ServiceRecord {
    ServiceRecord {
        uid: uid.into(),
        version: 5,
        addresses: vec![[127, 96, 0, 9].into()],
        ports: vec![PortRecord {
            name: "runtime".into(),
            protocol: "TCP".into(),
            number: 9000,
            node_port: None,
            target: Some(9000),
        }],
        labels: labels(owner),
        target: Some("edge1".into()),
        logical_service: "det".into(),
        ..ServiceRecord::new(ServiceKey::new("ns", "a"))
    }
}

fn slice(pods: &[&str], owner: &str) -> SliceRecord {
    let endpoint = |pod: &&str| EndpointRecord {
        pod: Some(PodRef { name: (*pod).into(), uid: format!("uid-{pod}").into() }),
        ..EndpointRecord::new([127, 64, 1, 2]).on("edge1")
    };
    SliceRecord {
        namespace: "ns".into(),
        name: "a-x".into(),
        service: "a".into(),
        version: 6,
        labels: labels(owner),
        ports: vec![("runtime".into(), 9000)],
        endpoints: pods.iter().map(endpoint).collect(),
    }
}

/// The second port, of Service and endpoints alike.
const SECOND: &str = "metrics";

fn with_two_ports(mut service: ServiceRecord, mut slice: SliceRecord) -> (ServiceRecord, SliceRecord) {
    let second = PortRecord { name: SECOND.into(), number: 9001, target: Some(9001), ..service.ports[0].clone() };
    service.ports.push(second);
    slice.ports.push((SECOND.into(), 9001));
    (service, slice)
}

fn applied() -> Routes {
    let mut routes = Routes::default();
    routes.service(&Arc::new(service("s", "o")), NOW);
    routes.endpoints(&ServiceKey::new("ns", "a"), [Arc::new(slice(&["p2", "p1"], "o"))].iter(), NOW);
    routes.source(SourceState::Synced, NOW);
    routes.portal(&"s".into(), "runtime", Portal::Pending, NOW);
    routes.portal(&"s".into(), "runtime", Portal::Applied, NOW);
    routes
}

#[test]
fn the_exact_route_is_told_in_the_order_that_is_read() {
    let view = applied().view(&"s".into()).unwrap();
    assert_eq!(
        serde_json::to_string(&view).unwrap(),
        r#"{"serviceUID":"s","runtimeServiceUID":"o","serviceResourceVersion":"5","endpointsResourceVersion":"6","deploymentRevision":3,"runtimeID":"a","state":"APPLIED","localSequence":4,"sourceState":"SYNCED","targetNode":"edge1","endpointPodUID":"uid-p1","observedAt":"1970-01-01T00:00:00Z"}"#
    );
}

#[test]
fn nothing_passes_before_something_is_known_and_the_portal_stands() {
    let mut routes = Routes::default();
    let empty = serde_json::to_value(routes.report()).unwrap();
    assert_eq!((&empty["sequence"], &empty["sourceState"]), (&0.into(), &"SYNCING".into()));
    routes.service(&Arc::new(service("s", "o")), NOW);
    routes.endpoints(&ServiceKey::new("ns", "a"), [Arc::new(slice(&["p"], "o"))].iter(), NOW);
    routes.portal(&"s".into(), "runtime", Portal::Applied, NOW);
    assert!(matches!(routes.gate(&"s".into()), Gate::Closed(reason) if reason.contains("waiting for Service")));
    assert_eq!(routes.view(&"s".into()).unwrap().state, Phase::Degraded);
    routes.source(SourceState::Stale, NOW);
    assert_eq!(routes.gate(&"s".into()), Gate::Applied, "what was known passes");
    let view = routes.view(&"s".into()).unwrap();
    assert_eq!((view.state, view.is_applied()), (Phase::Applied, false), "but nobody takes it for news");
    routes.source(SourceState::Synced, NOW);
    assert_eq!(routes.gate(&"s".into()), Gate::Applied);
    assert!(routes.view(&"s".into()).unwrap().is_applied());
    routes.portal(&"s".into(), "runtime", Portal::Removing, NOW);
    assert_eq!(routes.view(&"s".into()).unwrap().reason, "waiting for userspace portal");
}

#[test]
fn a_route_of_several_ports_stands_once_all_of_them_do() {
    let (service, slice) = with_two_ports(service("s", "o"), slice(&["p"], "o"));
    let mut routes = Routes::default();
    routes.source(SourceState::Synced, NOW);
    routes.service(&Arc::new(service), NOW);
    routes.endpoints(&ServiceKey::new("ns", "a"), [Arc::new(slice)].iter(), NOW);
    let mut told = |port, portal| routes.portal(&"s".into(), port, portal, NOW).pop().map(|view| view.state);
    assert_eq!(told(SECOND, Portal::Applied), None, "the first one does not stand");
    assert_eq!(told("runtime", Portal::Pending), None);
    assert_eq!(told("runtime", Portal::Applied), Some(Phase::Applied));
    assert_eq!(told(SECOND, Portal::Removing), Some(Phase::Ready));
    assert_eq!(routes.view(&"s".into()).unwrap().reason, "waiting for userspace portal");
}

#[test]
fn each_broken_rule_is_the_reason() {
    type Break = fn(&mut ServiceRecord, &mut SliceRecord);
    let rules: [(&str, Break); 15] = [
        ("install-id is missing", |s, _| drop(s.labels.remove("dayu.io/install-id"))),
        ("component of Service and endpoints differ", |_, e| {
            drop(e.labels.insert("dayu.io/component".into(), "x".into()));
        }),
        ("not the Service's name", |s, _| drop(s.labels.insert("dayu.io/runtime-id".into(), "b".into()))),
        ("target-node is missing", |s, _| s.target = None),
        ("not of type ClusterIP", |s, _| s.kind = "NodePort".into()),
        ("not of type ClusterIP", |s, _| s.addresses.clear()),
        ("target port differ", |s, _| s.ports[0].target = Some(1)),
        ("not a named TCP port", |s, _| s.ports[0].node_port = Some(30_000)),
        ("port 9001 and its target port differ", |s, _| s.ports[1].target = Some(1)),
        ("port 9001 is not a named TCP port", |s, _| s.ports[1].name = "".into()),
        ("endpoints lack port runtime", |_, e| e.ports[0].1 = 1),
        ("endpoints lack port metrics", |_, e| drop(e.ports.pop())),
        ("not on target device", |_, e| e.endpoints[0].device = Some("edge2".into())),
        ("has no pod", |_, e| e.endpoints[0].pod = None),
        ("no endpoint is ready", |_, e| e.endpoints[0].ready = false),
    ];
    for (reason, break_it) in rules {
        let (mut service, mut slice) = with_two_ports(service("s", "o"), slice(&["p"], "o"));
        break_it(&mut service, &mut slice);
        let mut routes = Routes::default();
        routes.source(SourceState::Synced, NOW);
        routes.service(&Arc::new(service), NOW);
        routes.endpoints(&ServiceKey::new("ns", "a"), [Arc::new(slice)].iter(), NOW);
        for port in ["runtime", SECOND] {
            routes.portal(&"s".into(), port, Portal::Applied, NOW);
        }
        let view = routes.view(&"s".into()).unwrap();
        assert_eq!(view.state, Phase::Degraded, "{reason}");
        assert!(view.reason.contains(reason), "{reason}: {}", view.reason);
        assert!(matches!(routes.gate(&"s".into()), Gate::Closed(_)));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Service { uid: u8, managed: bool },
    Gone { uid: u8 },
    Slice { pods: u8, owner: u8 },
    NoSlice,
    Portal { uid: u8, port: &'static str, portal: Portal },
    Source(SourceState),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let portal = prop_oneof![
        1 => Just(Portal::Pending),
        2 => Just(Portal::Applied),
        1 => Just(Portal::Removing),
        1 => Just(Portal::Removed)
    ];
    let step = prop_oneof![
        3 => (0..2u8, any::<bool>()).prop_map(|(uid, managed)| Step::Service { uid, managed }),
        1 => (0..2u8).prop_map(|uid| Step::Gone { uid }),
        3 => (0..3u8, 0..2u8).prop_map(|(pods, owner)| Step::Slice { pods, owner }),
        1 => Just(Step::NoSlice),
        6 => (0..2u8, any::<bool>(), portal)
            .prop_map(|(uid, first, portal)| Step::Portal { uid, port: if first { "runtime" } else { SECOND }, portal }),
        1 => Just(Step::Source(SourceState::Stale)),
        1 => Just(Step::Source(SourceState::Synced)),
    ];
    proptest::collection::vec(step, 0..40)
}

proptest! {
    /// In every order of events: a route passes exactly when the present incarnation is managed, its own endpoints are
    /// there, its own listeners stand, one for each port, and the source has told of it, now or at an earlier time.
    #[test]
    fn a_route_passes_only_when_everything_matches(steps in steps()) {
        let key = ServiceKey::new("ns", "a");
        let uid = |n: u8| Uid::from(format!("s{n}"));
        let mut routes = Routes::default();
        let mut present: Option<(u8, bool)> = None;
        let mut slice_of: Option<(u8, u8)> = None;
        let mut portals: BTreeMap<(u8, &str), bool> = BTreeMap::new();
        let mut known = false;
        for step in steps {
            match step {
                Step::Service { uid: n, managed } => {
                    if present != Some((n, true)) || !managed { portals.clear(); }
                    let (mut record, _) = with_two_ports(service(&format!("s{n}"), &format!("o{n}")), slice(&[], "any"));
                    if !managed { record.labels.clear(); }
                    present = Some((n, managed));
                    routes.service(&Arc::new(record), NOW);
                    let slices: Vec<_> = slice_of.iter().map(|(pods, owner)| made(*pods, *owner)).collect();
                    routes.endpoints(&key, slices.iter(), NOW);
                }
                Step::Gone { uid: n } => {
                    routes.service_gone(&key, &uid(n), NOW);
                    if present.is_some_and(|(current, _)| current == n) { present = None; portals.clear(); }
                }
                Step::Slice { pods, owner } => {
                    slice_of = Some((pods, owner));
                    routes.endpoints(&key, [made(pods, owner)].iter(), NOW);
                }
                Step::NoSlice => {
                    slice_of = None;
                    routes.endpoints(&key, std::iter::empty(), NOW);
                }
                Step::Portal { uid: n, port, portal } => {
                    routes.portal(&uid(n), port, portal, NOW);
                    if present == Some((n, true)) { portals.insert((n, port), portal == Portal::Applied); }
                }
                Step::Source(source) => { known = true; routes.source(source, NOW); }
            }
            for n in 0..2 {
                let passes = routes.gate(&uid(n)) == Gate::Applied;
                let matches = present == Some((n, true)) && known
                    && ["runtime", SECOND].iter().all(|port| portals.get(&(n, *port)) == Some(&true))
                    && slice_of.is_some_and(|(pods, owner)| pods > 0 && owner == n);
                prop_assert_eq!(passes, matches, "service {}", n);
            }
        }
    }
}

fn made(pods: u8, owner: u8) -> Arc<SliceRecord> {
    let names: Vec<String> = (0..pods).map(|n| format!("p{n}")).collect();
    let slice = slice(&names.iter().map(String::as_str).collect::<Vec<_>>(), &format!("o{owner}"));
    Arc::new(with_two_ports(service("any", "any"), slice).1)
}
