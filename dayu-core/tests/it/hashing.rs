//! Keys: where they go, how many move, and who may not pass them on.
use std::time::Duration;

use dayu_core::{
    balance::{Policy, Request, Seed, hash, policy},
    directory::{Change, Directory, Endpoint},
};

use crate::world;

const KEYS: u64 = 10_000;

fn go(directory: &Directory, request: Request) -> Endpoint {
    let left = world::narrowed(directory, request, Duration::ZERO).unwrap();
    let picked = policy::ConsistentHash.pick(&left, &mut Seed::new(1).draw()).unwrap();
    left.get(picked).clone()
}

fn homes(directory: &Directory) -> Vec<String> {
    let home = |key: u64| go(directory, world::request().keyed(hash::bytes(&key.to_be_bytes())));
    (0..KEYS).map(|key| home(key).pod.unwrap().name.to_string()).collect()
}

#[test]
fn only_the_keys_of_a_lost_endpoint_move_and_a_new_one_takes_its_share() {
    let directory = world::equals(10);
    let before = homes(&directory);
    let nine = (1..=10).filter(|pod| *pod != 4).map(|pod| world::endpoint("edge1", pod)).collect();
    directory.apply(Change::Slice(world::slice(2, nine)));
    let without = homes(&directory);
    let moved = before.iter().zip(&without).filter(|(a, b)| a != b).count();
    assert!(before.iter().zip(&without).all(|(a, b)| a == b || a == "det-4"), "only those of det-4 move");
    assert!(moved as f64 <= KEYS as f64 * 0.115, "{moved}: a tenth, and what chance adds");
    directory.apply(Change::Slice(world::slice(3, (1..=10).map(|pod| world::endpoint("edge1", pod)).collect())));
    assert_eq!(homes(&directory), before, "and they come home");
}

#[test]
fn keys_spread_evenly() {
    let homes = homes(&world::equals(10));
    let counts = (1..=10).map(|pod| homes.iter().filter(|home| **home == format!("det-{pod}")).count());
    let counts: Vec<usize> = counts.collect();
    assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
}

#[test]
fn homes_are_the_same_in_every_process_and_version() {
    let directory = world::equals(10);
    let first: Vec<u16> = (0..8)
        .map(|key| {
            let name = go(&directory, world::request().keyed(hash::bytes(&[key]))).pod.unwrap().name;
            name.trim_start_matches("det-").parse().unwrap()
        })
        .collect();
    assert_eq!(hash::bytes(b"camera-7"), HASH_OF_CAMERA_7);
    assert_eq!(first, HOMES_OF_EIGHT_KEYS);
}

/// Recorded once; if either changes, all sessions of all installations move at the next upgrade.
const HASH_OF_CAMERA_7: u64 = 6_184_350_016_423_837_359;
const HOMES_OF_EIGHT_KEYS: [u16; 8] = [4, 3, 3, 9, 9, 10, 7, 9];

#[test]
fn homes_follow_from_who_is_there_and_not_from_how_they_came() {
    let slowly = world::directory(Vec::new());
    homes_are_asked_while(&slowly, &[&[9, 3], &[3, 12, 9, 5, 1], &[5, 1, 12, 4]]);
    let all: Vec<u8> = (1..=12).rev().collect();
    homes_are_asked_while(&slowly, &[&all]);
    assert_eq!(homes(&slowly), homes(&world::equals(12)));
}

/// Lets one list of pods follow the other.
fn homes_are_asked_while(directory: &Directory, lists: &[&[u8]]) {
    for pods in lists {
        let endpoints = pods.iter().map(|pod| world::endpoint("edge1", *pod)).collect();
        let version = directory.snapshot().version() + 1;
        directory.apply(Change::Slice(world::slice(version, endpoints)));
        assert_eq!(go(directory, world::request().keyed(1)).device.as_str(), "edge1");
    }
}

#[test]
fn a_busy_home_passes_keys_on_and_the_bound_holds() {
    let directory = world::equals(4);
    let request = world::request().keyed(42);
    let flights: Vec<_> = (0..100).map(|_| go(&directory, request.clone()).load.begin()).collect();
    let most = world::endpoints(&directory).iter().map(|endpoint| endpoint.load.in_flight()).max();
    assert!(most <= Some(32), "{most:?} of {}: a quarter more than the fair share at most", flights.len());
}

#[test]
fn a_client_stays_with_its_endpoint_however_busy() {
    let directory = world::equals(4);
    directory.apply(Change::Service(dayu_core::directory::ServiceRecord {
        affinity: Some(60),
        version: 2,
        ..world::service()
    }));
    let request = world::request().from_client([10, 9, 8, 7].into());
    let home = go(&directory, request.clone());
    for _ in 0..100 {
        let again = go(&directory, request.clone());
        assert!(again.is(&home));
        std::mem::forget(again.load.begin());
    }
}

#[test]
fn a_key_that_everybody_asks_for_is_shared_by_many() {
    let directory = world::equals(200);
    let request = world::request().keyed(42);
    let flights: Vec<_> = (0..2_000).map(|_| go(&directory, request.clone()).load.begin()).collect();
    let most = world::endpoints(&directory).iter().map(|endpoint| endpoint.load.in_flight()).max();
    assert!(most <= Some(50), "{most:?} of {} at one", flights.len());
}

#[test]
fn keys_stay_while_their_endpoints_only_change_state() {
    let directory = world::equals(10);
    let before = homes(&directory);
    let four_unready =
        (1..=10).map(|pod| dayu_core::directory::EndpointRecord { ready: pod != 4, ..world::endpoint("edge1", pod) });
    directory.apply(Change::Slice(world::slice(2, four_unready.collect())));
    assert!(before.iter().zip(&homes(&directory)).all(|(a, b)| (a == b) != (a == "det-4")));
    directory.apply(Change::Slice(world::slice(3, (1..=10).map(|pod| world::endpoint("edge1", pod)).collect())));
    assert_eq!(homes(&directory), before);
}
