//! A Service that says how it is balanced, against a stack of another opinion.
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use dayu_core::{
    balance::{Draw, Policy, Seed, policy},
    directory::{Change, Directory, ServiceRecord},
};

use crate::world;

/// The Service says `balance` from now on.
fn say(directory: &Directory, version: u64, balance: Option<&str>) {
    let balance = balance.map(Into::into);
    assert!(directory.apply(Change::Service(ServiceRecord { version, balance, ..world::service() })));
}

/// Which pods the next requests without a key are for, if nothing comes of the first ones before the last.
fn next(directory: &Arc<Directory>, policy: &dyn Policy, seed: u64, count: usize) -> Vec<String> {
    let seed = Seed::new(seed);
    let picks = (0..count).map(|_| {
        let left = world::narrowed(directory, world::request(), Duration::from_secs(60)).unwrap();
        let endpoint = left.get(left.pick(policy, &mut seed.draw()).unwrap());
        endpoint.pod.as_ref().unwrap().name.to_string()
    });
    picks.collect()
}

/// Endpoints of which each has more in flight than the one before, and answers faster.
fn uneven() -> Arc<Directory> {
    let directory = world::equals(4);
    for (busy, endpoint) in world::endpoints(&directory).iter().enumerate() {
        endpoint.load.succeeded(Duration::from_millis(1000 >> (3 * busy)), Duration::from_secs(59));
        (0..busy).for_each(|_| std::mem::forget(endpoint.load.begin()));
    }
    directory
}

/// Never asked where a Service says something.
struct First;

impl Policy for First {
    fn name(&self) -> &'static str {
        "first"
    }

    fn pick(&self, candidates: &dayu_core::balance::Candidates, _: &mut Draw) -> Option<usize> {
        candidates.usable_from(0)
    }
}

#[test]
fn what_the_service_says_picks_as_a_stack_of_that_policy_would() {
    let mut ways = BTreeMap::new();
    for name in policy::NAMES.into_iter().chain(["least-request:3"]) {
        let said = uneven();
        say(&said, 2, Some(name));
        let picked = next(&said, &First, 7, 12);
        assert_eq!(picked, next(&uneven(), &world::policy(name), 7, 12), "{name}");
        ways.insert(picked, name);
    }
    assert!(ways.len() >= 5, "each in its own way: {ways:?}");
    assert_eq!(next(&uneven(), &First, 7, 3), ["det-1"; 3], "where it says nothing, the stack does");
}

#[test]
fn what_nobody_can_read_is_as_good_as_unsaid() {
    let directory = world::equals(4);
    for (version, junk) in (2..).zip(["fastest", "", "P2C", "least-request:0", "least-request:", "round-robin "]) {
        say(&directory, version, Some(junk));
        assert_eq!(next(&directory, &First, 7, 3), ["det-1"; 3], "{junk}");
        let service = directory.snapshot().service(&world::key()).cloned().unwrap();
        let [ignored] = service.balancing.ignored.as_slice() else { panic!("{junk}") };
        assert_eq!((ignored.annotation, &*ignored.value), ("dayu.io/balance", junk));
        assert!(policy::NAMES.iter().all(|name| ignored.why.contains(name)), "{}", ignored.why);
    }
    let long = "x".repeat(200_000);
    say(&directory, 99, Some(&long));
    let service = directory.snapshot().service(&world::key()).cloned().unwrap();
    assert!(service.balancing.ignored[0].to_string().len() < 400, "an event has room for it");
}

#[test]
fn a_change_takes_the_next_pick_and_nothing_that_is_known() {
    let directory = uneven();
    let known = |directory: &Directory| {
        let endpoints = world::endpoints(directory);
        let known = |load: &dayu_core::balance::Load| (load.in_flight(), load.served(), load.latency(Duration::ZERO));
        endpoints.iter().map(|endpoint| known(&endpoint.load)).collect::<Vec<_>>()
    };
    let (before, held) = (known(&directory), world::endpoints(&directory)[0].load.begin());
    say(&directory, 2, Some("least-request"));
    assert_eq!(known(&directory)[0].0, before[0].0 + 1, "what is on its way stays counted");
    drop(held);
    assert_eq!(next(&directory, &First, 1, 2), ["det-1"; 2], "the fewest in flight");
    say(&directory, 3, Some("round-robin"));
    assert_eq!(next(&directory, &First, 1, 3), ["det-1", "det-2", "det-3"]);
    say(&directory, 4, Some("random"));
    say(&directory, 5, Some("round-robin"));
    assert_eq!(next(&directory, &First, 1, 2), ["det-4", "det-1"], "turns go on");
    say(&directory, 6, None);
    assert_eq!(next(&directory, &First, 1, 2), ["det-1"; 2]);
    let after: Vec<_> = known(&directory).iter().map(|(in_flight, _, latency)| (*in_flight, *latency)).collect();
    assert_eq!(after, before.iter().map(|(in_flight, _, latency)| (*in_flight, *latency)).collect::<Vec<_>>());
}

/// With one count for all, two Services that are asked in turn would each have every other turn.
#[test]
fn turns_of_one_device_are_not_taken_by_requests_for_another() {
    let directory =
        world::directory((1..=4).map(|pod| world::endpoint(["edge1", "edge2"][usize::from(pod > 2)], pod)).collect());
    say(&directory, 2, Some("round-robin"));
    let seed = Seed::new(1);
    let picked: Vec<_> = (0..8)
        .map(|nth| {
            let request = world::request().on(["edge1", "edge2"][nth % 2].into());
            world::narrowed(&directory, request, Duration::ZERO).unwrap().pick(&First, &mut seed.draw()).unwrap()
        })
        .collect();
    assert_eq!(picked, [0, 0, 1, 1, 0, 0, 1, 1]);
}
