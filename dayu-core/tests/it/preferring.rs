//! A preferred device under a load that comes and goes: others help when it is too much, and not by turns.
use std::time::Duration;

use dayu_core::balance::policy;

use crate::{
    simulation::{Done, Simulation, within},
    world,
};

const SECOND: Duration = Duration::from_secs(1);

/// Two workers on the preferred device and four elsewhere, asked by few clients, then many, then few again.
fn phases(many: usize) -> [Vec<Done>; 3] {
    let endpoints = (1..=6).map(|pod| world::endpoint(if pod <= 2 { "edge1" } else { "edge2" }, pod));
    let (directory, policy) = (world::directory(endpoints.collect()), policy::by_name("p2c").unwrap());
    let request = world::request().preferring("edge1".into(), 8);
    let run = |clients, starts, time| {
        let request = request.clone();
        let simulation = Simulation { directory: &directory, policy: policy.as_ref(), request, clients, starts };
        simulation.run_for(time, &|_, _, scatter| within(20, scatter))
    };
    [run(4, SECOND * 100, SECOND * 10), run(many, SECOND * 110, SECOND * 60), run(4, SECOND * 170, SECOND * 20)]
}

/// When requests went elsewhere, since `start`.
fn elsewhere(done: &[Done], start: Duration) -> Vec<Duration> {
    let mut began: Vec<Duration> =
        done.iter().filter(|one| !matches!(&*one.pod, "det-1" | "det-2")).map(|one| one.began - start).collect();
    began.sort_unstable();
    began
}

#[test]
fn others_help_from_the_high_mark_on_and_until_the_low_one_and_not_by_turns() {
    // 24 clients would be 12 a worker at home, and 4 a worker when everybody helps: the mark is 8.
    for many in [24, 200] {
        let [before, during, after] = phases(many);
        assert!(elsewhere(&before, SECOND * 100).is_empty(), "a device with little to do keeps its requests");
        let helped = elsewhere(&during, SECOND * 110);
        assert!(helped[0] <= SECOND / 2, "{:?} until others help", helped[0]);
        let pauses = helped.windows(2).filter(|pair| pair[1] - pair[0] > SECOND / 2).count();
        assert_eq!(pauses, 0, "with {many} clients it spills and comes home by turns");
        let last = elsewhere(&after, SECOND * 170).pop().unwrap();
        assert!(last <= SECOND * 5, "{last:?} until it is home again");
    }
}

#[test]
fn a_load_just_below_the_mark_stays_at_home() {
    let [_, during, _] = phases(14);
    assert!(elsewhere(&during, SECOND * 110).is_empty());
}
