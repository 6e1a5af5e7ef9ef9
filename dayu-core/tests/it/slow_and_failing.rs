//! Equal replicas, a slow one, a failing one, a new one: who gets how much, and what callers feel.
use std::{ops::Range, sync::Arc, time::Duration};

use dayu_core::{
    balance::{Draw, Policy},
    directory::{Change, Directory, Endpoint},
};

use crate::{
    simulation::{Answer, Done, Simulation, percentile, share, within},
    world,
};

const START: Duration = Duration::from_secs(100);

fn simulation<'a>(directory: &'a Arc<Directory>, policy: &'a dyn Policy, clients: usize) -> Simulation<'a> {
    Simulation { directory, policy, request: world::request().on("edge1".into()), clients, starts: START }
}

fn is(endpoint: &Endpoint, pod: &str) -> bool {
    endpoint.pod.as_ref().is_some_and(|known| &*known.name == pod)
}

/// The share of `pod` in the requests that began at that time.
fn share_of_those_begun(done: &[Done], when: Range<Duration>, pod: &str) -> f64 {
    let begun: Vec<&Done> = done.iter().filter(|one| when.contains(&one.began)).collect();
    begun.iter().filter(|one| one.pod == pod).count() as f64 / begun.len() as f64
}

/// Ten replicas of which one takes ten times as long.
fn one_slow(name: &str) -> Vec<Done> {
    let policy = world::policy(name);
    let slow =
        |endpoint: &Endpoint, _, scatter: &mut Draw| within(if is(endpoint, "det-3") { 1000 } else { 100 }, scatter);
    simulation(&world::equals(10), &policy, 20).run(50_000, &slow)
}

#[test]
fn one_slow_replica_hurts_the_default_least_and_round_robin_most() {
    let [p2c, least, robin, random] = ["p2c", "least-request", "round-robin", "random"].map(one_slow);
    let table = [&p2c, &least, &robin, &random].map(|done| (percentile(done, 990), percentile(done, 999)));
    let millis = |millis| Duration::from_millis(millis);
    assert!(table[0].0 <= millis(105) && table[0].1 <= millis(150), "p2c {table:?}");
    assert!(
        table[0].1 < table[1].1 && table[1].1 <= table[2].1,
        "p2c before least request before round robin {table:?}"
    );
    assert!(table[2].0 >= millis(850) && table[3].0 >= millis(850), "blind policies feel it at p99 {table:?}");
}

#[test]
fn a_replica_five_times_slower_gets_less_than_two_fifths_of_a_fair_share() {
    let run = |name: &str| {
        let policy = world::policy(name);
        let slow =
            |endpoint: &Endpoint, _, scatter: &mut Draw| within(if is(endpoint, "det-1") { 100 } else { 20 }, scatter);
        simulation(&world::equals(4), &policy, 64).run(10_000, &slow)
    };
    let (p2c, robin) = (run("p2c"), run("round-robin"));
    assert!(share(&p2c, "det-1") <= 0.4 / 4.0, "{}", share(&p2c, "det-1"));
    let (ours, theirs) = (percentile(&p2c, 990), percentile(&robin, 990));
    assert!(ours.mul_f64(1.3) <= theirs, "{ours:?} {theirs:?}");
}

#[test]
fn a_replica_twice_as_slow_gets_less_by_the_requests_that_wait_there() {
    let policy = world::policy("p2c");
    let slow =
        |endpoint: &Endpoint, _, scatter: &mut Draw| within(if is(endpoint, "det-1") { 40 } else { 20 }, scatter);
    for clients in [16, 64] {
        let done = simulation(&world::equals(4), &policy, clients).run(10_000, &slow);
        let its = share(&done, "det-1");
        assert!(its <= 0.75 / 4.0, "{its} of {clients} clients' requests: about as slow as the others, but busier");
    }
}

#[test]
fn equal_replicas_get_equal_shares() {
    for (name, clients) in [("p2c", 64), ("p2c", 1), ("least-request", 64), ("round-robin", 64)] {
        let policy = world::policy(name);
        let equal = |_: &Endpoint, _, scatter: &mut Draw| within(20, scatter);
        let done = simulation(&world::equals(4), &policy, clients).run(10_000, &equal);
        let shares: Vec<f64> = (1..=4).map(|pod| share(&done, &format!("det-{pod}"))).collect();
        let (most, least) = (shares.iter().copied().fold(0.0, f64::max), shares.iter().copied().fold(1.0, f64::min));
        assert!(most / least <= 1.15, "{name} with {clients} clients: {shares:?}");
    }
}

#[test]
fn a_fast_failure_attracts_nothing_and_a_healed_replica_is_back_within_ten_seconds() {
    let healed = START + Duration::from_secs(30);
    let policy = world::policy("p2c");
    let failing = |endpoint: &Endpoint, now, scatter: &mut Draw| match is(endpoint, "det-2") && now < healed {
        true => Answer { after: Duration::from_millis(1), fails: true },
        false => within(20, scatter),
    };
    let done = simulation(&world::equals(3), &policy, 16).run_for(Duration::from_secs(45), &failing);
    let share_between = |from, to| share_of_those_begun(&done, from..to, "det-2");
    let second = Duration::from_secs(1);
    assert!(share_between(START, START + second) < 0.05, "{}", share_between(START, START + second));
    assert!(share_between(START + second, healed) < 0.01, "{}", share_between(START + second, healed));
    let after = share_between(healed + second * 10, healed + second * 15);
    assert!((0.25..0.45).contains(&after), "healed: {after}");
}

#[test]
fn a_replica_that_was_slow_has_its_share_again_soon_after() {
    let policy = world::policy("p2c");
    let well = START + Duration::from_secs(10);
    for (slow, back) in [(200, 2), (2_000, 15), (10_000, 30)] {
        let first_slow = |endpoint: &Endpoint, now, scatter: &mut Draw| match is(endpoint, "det-2") && now < well {
            true => within(slow, scatter),
            false => within(20, scatter),
        };
        let until = well + Duration::from_secs(back);
        let lasts = until - START + Duration::from_secs(10);
        let done = simulation(&world::equals(3), &policy, 16).run_for(lasts, &first_slow);
        let [then, after] = [START..well, until..until + Duration::from_secs(10)];
        let (then, after) = (share_of_those_begun(&done, then, "det-2"), share_of_those_begun(&done, after, "det-2"));
        assert!(
            then < 0.04 && after > 0.3,
            "{slow} ms: {then} of the requests while it was slow, {after} from {back} s on"
        );
    }
}

#[test]
fn a_black_hole_is_ejected_whatever_the_policy() {
    for name in ["round-robin", "random", "least-request"] {
        let policy = world::policy(name);
        let hole = |endpoint: &Endpoint, _, scatter: &mut Draw| match is(endpoint, "det-2") {
            true => Answer { after: Duration::from_secs(1), fails: true },
            false => within(20, scatter),
        };
        let done = simulation(&world::equals(4), &policy, 16).run_for(Duration::from_secs(60), &hole);
        let late: Vec<&Done> = done.iter().filter(|one| one.began > START + Duration::from_secs(10)).collect();
        let its = late.iter().filter(|one| one.pod == "det-2").count();
        assert!(its <= 16 && its > 0, "{name}: {its} of {}: probed, and by few", late.len());
    }
}

#[test]
fn a_newcomer_is_neither_starved_nor_flooded() {
    for millis in [1, 50, 500] {
        for clients in [2, 32] {
            let directory = world::equals(3);
            let policy = world::policy("p2c");
            let equal = |_: &Endpoint, _, scatter: &mut Draw| within(millis, scatter);
            let warm = simulation(&directory, &policy, clients);
            warm.run_for(Duration::from_secs(20), &equal);
            let four = (1..=4).map(|pod| world::endpoint("edge1", pod)).collect();
            directory.apply(Change::Slice(world::slice(2, four)));
            let later = Simulation { starts: START + Duration::from_secs(20), ..warm };
            let time = Duration::from_millis(if clients == 2 { millis * 100 } else { millis * 20 });
            let done = later.run_for(time, &equal);
            let its = share(&done, "det-4");
            assert!((0.125..0.4).contains(&its), "{millis} ms, {clients} clients: {its} of {}", done.len());
        }
    }
}

#[test]
fn weights_are_kept_smoothly() {
    let mut heavy = world::endpoint("edge1", 1);
    heavy.weight = 4;
    let directory = world::directory(vec![heavy, world::endpoint("edge1", 2), world::endpoint("edge1", 3)]);
    let policy = world::policy("round-robin");
    let done = simulation(&directory, &policy, 1).run(600, &|_, _, scatter| within(10, scatter));
    let shares = ["det-1", "det-2", "det-3"].map(|pod| (share(&done, pod) * 600.0).round() as u32);
    assert_eq!(shares, [400, 100, 100]);
    let in_a_row = done.chunk_by(|a, b| a.pod == b.pod).map(<[Done]>::len).max();
    assert!(in_a_row <= Some(4), "{in_a_row:?} in a row");
}
