//! A preferred device under a load that comes and goes: others help when it is too much, and not by turns.
use std::time::Duration;

use dayu_core::{
    balance::SpillAt,
    directory::{Change, ServiceRecord},
};

use crate::{
    simulation::{Done, Simulation, within},
    world,
};

const SECOND: Duration = Duration::from_secs(1);

/// Two workers on the preferred device and four elsewhere, asked by few clients, then many, then few again. The Service says
/// `said`; the requests say 8 unless that is something.
fn phases(many: usize, said: Option<&str>) -> [Vec<Done>; 3] {
    let endpoints = (1..=6).map(|pod| world::endpoint(if pod <= 2 { "edge1" } else { "edge2" }, pod));
    let (directory, policy) = (world::directory(endpoints.collect()), world::policy("p2c"));
    let asked = said.is_none().then_some(SpillAt::in_flight(8));
    let request = world::request().preferring("edge1".into(), asked);
    directory.apply(Change::Service(ServiceRecord { version: 2, spill: said.map(Into::into), ..world::service() }));
    let run = |clients, starts, time| {
        let request = request.clone();
        let simulation = Simulation { directory: &directory, policy: &policy, request, clients, starts };
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
    for (many, said) in [(24, None), (200, None), (200, Some("8-in-flight"))] {
        let [before, during, after] = phases(many, said);
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
    let [_, during, _] = phases(14, None);
    assert!(elsewhere(&during, SECOND * 110).is_empty());
}

#[test]
fn nothing_spills_where_the_service_says_never_or_nothing_that_can_be_read() {
    for said in ["never", "8", "much"] {
        let [_, during, _] = phases(200, Some(said));
        assert!(elsewhere(&during, SECOND * 110).is_empty(), "{said}");
    }
}

#[test]
fn a_request_that_says_when_itself_is_not_overruled() {
    let directory = world::directory(vec![world::endpoint("edge1", 1), world::endpoint("edge2", 2)]);
    directory.apply(Change::Service(ServiceRecord {
        version: 2,
        spill: Some("0-in-flight".into()),
        ..world::service()
    }));
    let left = |spill_at: Option<SpillAt>| {
        let request = world::request().preferring("edge1".into(), spill_at);
        world::narrowed(&directory, request, SECOND).unwrap().len()
    };
    assert_eq!((left(Some(SpillAt::in_flight(1))), left(Some(SpillAt::NEVER)), left(None)), (1, 1, 2));
}
