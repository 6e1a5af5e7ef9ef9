//! Services coming, changing and going.
use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Allocator, Network};
use crate::{
    System,
    store::{Object, SERVICES, Store, Window},
};

fn store() -> Store {
    Store::in_memory(Arc::new(System), Window::default())
}

fn allocator(cidr: &str, store: &Store) -> Allocator {
    Allocator::new(Network::parse(cidr).unwrap(), store)
}

fn service(name: &str, kind: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "ns"},
        "spec": {"type": kind, "ports": [{"port": 80, "protocol": "TCP"}]},
    })
}

fn stored(value: &Value) -> Object {
    Object::from_json(value.to_string().into()).unwrap()
}

#[test]
fn a_service_made_again_keeps_address_and_port() {
    let store = store();
    let allocator = allocator("127.96.0.0/16", &store);
    let mut first = service("a", "NodePort");
    allocator.on_write(None, &mut first).unwrap();
    allocator.on_delete(&stored(&first));
    let mut again = service("a", "NodePort");
    allocator.on_write(None, &mut again).unwrap();
    assert_eq!(first, again);
    assert!(first["spec"]["ports"][0]["nodePort"].as_u64().is_some_and(|port| (30_000..=32_767).contains(&port)));
}

#[test]
fn what_is_taken_or_out_of_range_is_refused_and_nothing_is_lost() {
    let store = store();
    let allocator = allocator("127.96.0.0/16", &store);
    let mut first = service("a", "NodePort");
    allocator.on_write(None, &mut first).unwrap();
    let mut second = service("b", "NodePort");
    second["spec"]["ports"][0]["nodePort"] = first["spec"]["ports"][0]["nodePort"].clone();
    let refusal = allocator.on_write(None, &mut second).unwrap_err().to_string();
    assert!(
        refusal.starts_with("spec.ports[0].nodePort: Invalid value:") && refusal.ends_with("already allocated"),
        "{refusal}"
    );
    let mut third = service("c", "ClusterIP");
    third["spec"]["clusterIP"] = "10.0.0.1".into();
    assert!(allocator.on_write(None, &mut third).unwrap_err().problem.contains("range"));
    assert!(allocator.pools.lock().addresses.any("x").is_some());
}

#[test]
fn an_update_keeps_what_it_does_not_name_and_frees_what_it_drops() {
    let store = store();
    let allocator = allocator("127.96.0.0/16", &store);
    let mut first = service("a", "NodePort");
    allocator.on_write(None, &mut first).unwrap();
    let mut update = service("a", "NodePort");
    allocator.on_write(Some(&stored(&first)), &mut update).unwrap();
    assert_eq!(first, update);
    let mut plain = service("a", "ClusterIP");
    allocator.on_write(Some(&stored(&first)), &mut plain).unwrap();
    assert_eq!(plain["spec"]["clusterIP"], first["spec"]["clusterIP"]);
    assert!(plain["spec"]["ports"][0]["nodePort"].is_null());
    let mut other = service("b", "NodePort");
    other["spec"]["ports"][0]["nodePort"] = first["spec"]["ports"][0]["nodePort"].clone();
    allocator.on_write(None, &mut other).unwrap();
}

#[test]
fn a_node_port_goes_with_the_name_of_its_port() {
    let store = store();
    let allocator = allocator("127.96.0.0/16", &store);
    let mut first = service("a", "NodePort");
    first["spec"]["ports"] = json!([{"name": "x", "port": 80}, {"name": "y", "port": 81}]);
    allocator.on_write(None, &mut first).unwrap();
    let of = |service: &Value, index: usize| service["spec"]["ports"][index]["nodePort"].clone();
    let mut second = service("a", "NodePort");
    second["spec"]["ports"] = json!([{"name": "z", "port": 80}, {"name": "x", "port": 90}]);
    allocator.on_write(Some(&stored(&first)), &mut second).unwrap();
    assert_eq!(of(&second, 1), of(&first, 0));
    assert_ne!(of(&second, 0), of(&first, 0));
    // One that is asked for by another name is not kept by its own.
    let mut third = service("a", "NodePort");
    third["spec"]["ports"] = json!([{"name": "x", "port": 90}, {"name": "w", "port": 91, "nodePort": of(&second, 1)}]);
    allocator.on_write(Some(&stored(&second)), &mut third).unwrap();
    assert_eq!(of(&third, 1), of(&second, 1));
    assert_ne!(of(&third, 0), of(&third, 1));
}

#[test]
fn a_restart_knows_what_is_taken() {
    let store = store();
    let before = allocator("127.96.0.0/28", &store);
    let mut first = service("a", "ClusterIP");
    before.on_write(None, &mut first).unwrap();
    store.create(&SERVICES, first.clone()).unwrap();
    let after = allocator("127.96.0.0/28", &store);
    let mut second = service("b", "ClusterIP");
    second["spec"]["clusterIP"] = first["spec"]["clusterIP"].clone();
    assert!(after.on_write(None, &mut second).is_err());
}

proptest! {
    /// Whatever comes and goes: no two Services ever hold the same address or node port, and all are given back.
    #[test]
    fn nothing_is_held_twice(steps in proptest::collection::vec((0..24usize, any::<bool>()), 0..120)) {
        let store = store();
        let allocator = allocator("127.96.0.0/28", &store);
        let mut live: Vec<Option<Value>> = vec![None; 24];
        for (at, node_port) in steps {
            if let Some(service) = live[at].take() {
                allocator.on_delete(&stored(&service));
                continue;
            }
            let mut service = service(&format!("s{at}"), if node_port { "NodePort" } else { "ClusterIP" });
            if allocator.on_write(None, &mut service).is_ok() {
                live[at] = Some(service);
            } else {
                // Only ever for want of addresses: a /28 has 14 hosts, the first is the API's.
                prop_assert_eq!(live.iter().flatten().count(), 13);
            }
            let addresses: BTreeSet<String> = live.iter().flatten().map(|s| s["spec"]["clusterIP"].to_string()).collect();
            prop_assert_eq!(addresses.len(), live.iter().flatten().count());
        }
    }
}
