//! An explanation agrees with the pick and names the layer that left an endpoint out.
use std::time::Duration;

use dayu_core::{
    balance::{self, Draw, Options, Refusal, Request, SaidBy, Seed, SpillAt, explain, policy},
    directory::{Change, ServiceRecord},
};
use proptest::prelude::*;
use tokio::time::Instant;
use tower::{ServiceExt, service_fn};

use crate::world;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the policy, the Service says, the device, the readiness, the load and the seed.
    #[test]
    fn a_dry_run_picks_what_the_stack_picks(
        seed in any::<u64>(),
        name in proptest::sample::select(&policy::NAMES[..]),
        said in proptest::option::of(proptest::sample::select(&policy::NAMES[..])),
        spill in proptest::option::of(proptest::sample::select(&["0-in-flight", "1-in-flight", "never"][..])),
        device in proptest::option::of(proptest::sample::select(&["edge1", "edge2", "edge9"][..])),
        preferred in proptest::option::of(proptest::option::of(0..4u32)),
        key in proptest::option::of(any::<u64>()),
        states in proptest::collection::vec((any::<bool>(), 0..3u8, 0..6u8), 0..8),
    ) {
        let endpoints = states.iter().zip(1..).map(|((ready, device, _), pod)| {
            let device = ["edge1", "edge2", "cloud.kubeedge"][usize::from(*device)];
            dayu_core::directory::EndpointRecord { ready: *ready, ..world::endpoint(device, pod) }
        });
        let directory = world::directory(endpoints.collect());
        let (balance, spill) = (said.map(Into::into), spill.map(Into::into));
        directory.apply(Change::Service(ServiceRecord { version: 2, balance, spill, ..world::service() }));
        for endpoint in world::endpoints(&directory) {
            let failures = states[usize::from(endpoint.address.ip().to_string().rsplit('.').next().unwrap().parse::<u8>().unwrap()) - 1].2;
            (0..failures).for_each(|_| endpoint.load.failed(Duration::ZERO));
        }
        let mut request = Request { key, ..world::request() };
        if let Some(device) = device {
            request = match preferred {
                Some(spill_at) => request.preferring(device.into(), spill_at.map(SpillAt::in_flight)),
                None => request.on(device.into()),
            };
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let dry = explain(&directory.snapshot(), &request, &world::policy(name), Draw::new(seed), Duration::ZERO);
        let real = runtime.block_on(async {
            let connect = service_fn(|endpoint: dayu_core::directory::Endpoint| async move { Ok::<_, std::io::Error>(endpoint.address) });
            let options = Options { seed: Seed::new(seed), origin: Instant::now(), ..Options::default() };
            let stack = balance::stack(directory.clone(), world::policy(name), connect, options);
            stack.oneshot(request.clone()).await
        });
        let picked: Vec<_> = dry.endpoints.iter().filter(|endpoint| endpoint.picked).map(|one| (one.device.clone(), one.address.clone())).collect();
        match real {
            Ok(tracked) => {
                let endpoint = tracked.endpoint();
                prop_assert_eq!(picked, vec![(endpoint.device.to_string(), endpoint.address.to_string())]);
            }
            Err(error) => {
                prop_assert_eq!(picked, vec![]);
                let told = Refusal { reason: error.reason().to_owned(), message: error.to_string() };
                prop_assert_eq!(dry.refused, Some(told));
            }
        }
    }
}

#[test]
fn a_request_with_a_key_is_told_by_the_policy_that_picks_it() {
    let directory = world::directory((1..=4).map(|pod| world::endpoint("edge1", pod)).collect());
    let request = Request { key: Some(7), ..world::request() };
    let told = explain(&directory.snapshot(), &request, &policy::PowerOfTwo, Draw::new(1), Duration::ZERO);
    assert_eq!(told.policy, "consistent-hash");
    let best = told.endpoints.iter().min_by(|a, b| a.score.unwrap().total_cmp(&b.score.unwrap())).unwrap();
    assert!(best.picked, "the home has the lowest score: {told:?}");
}

#[test]
fn every_endpoint_that_is_left_out_says_by_which_layer() {
    let mut endpoints = vec![world::endpoint("edge1", 1), world::endpoint("edge1", 2), world::endpoint("edge1", 3)];
    endpoints[1].ready = false;
    endpoints.push(world::endpoint("edge2", 4));
    let directory = world::directory(endpoints);
    let failing = &world::endpoints(&directory)[2];
    (0..5).for_each(|_| failing.load.failed(Duration::ZERO));
    let request = world::request().on("edge1".into());
    let told = explain(&directory.snapshot(), &request, &policy::PowerOfTwo, Draw::new(1), Duration::ZERO);
    let left_out: Vec<_> =
        told.endpoints.iter().map(|one| one.left_out.as_deref().map(|why| why.split(':').next().unwrap())).collect();
    assert_eq!(left_out, [None, Some("resolve"), Some("outlier"), Some("target device")]);
    assert!(told.endpoints[0].picked && told.endpoints[0].score.is_some());
    let json = serde_json::to_value(&told).unwrap();
    assert_eq!(
        (&json["service"], &json["policy"], &json["endpoints"][0]["inFlight"]),
        (&"ns/det".into(), &"p2c".into(), &0.into())
    );
}

#[test]
fn it_says_which_were_drawn_and_what_decided_between_them() {
    let second = Duration::from_secs(1);
    // Of two endpoints the first has so much in flight, served so many and took so long; the second nothing, none and 10 ms.
    let told = |in_flight: usize, served: usize, millis: u64| {
        let directory = world::directory((1..=2).map(|pod| world::endpoint("edge1", pod)).collect());
        let loads: Vec<_> = world::endpoints(&directory).into_iter().map(|endpoint| endpoint.load).collect();
        let _under_way: Vec<_> = (0..in_flight).map(|_| loads[0].begin()).collect();
        (0..served).for_each(|_| drop(loads[0].begin()));
        loads[0].succeeded(Duration::from_millis(millis), second);
        loads[1].succeeded(Duration::from_millis(10), second);
        let told = explain(&directory.snapshot(), &world::request(), &policy::PowerOfTwo, Draw::new(3), second);
        let picked = told.endpoints.iter().find(|endpoint| endpoint.picked).unwrap().pod.clone();
        (picked, told.because.unwrap(), told.endpoints[0].served)
    };
    let [slow, busy, more] = [told(0, 0, 100), told(1, 0, 20), told(0, 1, 20)];
    for ((picked, because, _), decided) in [(&slow, "costs less"), (&busy, "in flight"), (&more, "did not serve more")]
    {
        assert!(picked == "det-2" && because.contains(decided), "{picked} because {because}");
        assert!(because.contains("det-1") && because.contains("which were drawn"), "{because}");
    }
    assert_eq!([slow.2, busy.2, more.2], [0, 1, 1]);
}

#[test]
fn it_says_who_decides_on_what() {
    let directory = world::directory(vec![world::endpoint("edge1", 1), world::endpoint("edge2", 2)]);
    let told =
        |request: Request| explain(&directory.snapshot(), &request, &policy::Random, Draw::new(1), Duration::ZERO);
    let preferring = || world::request().preferring("edge1".into(), None);
    let plain = told(preferring());
    assert_eq!((&*plain.policy, plain.policy_by), ("random", SaidBy::Default));
    let rule = plain.spilling.unwrap();
    assert_eq!((rule.at, rule.by, rule.leaves), (SpillAt::NEVER, SaidBy::Default, false));

    let (balance, spill) = (Some("least-request:5".into()), Some("0-in-flight".into()));
    directory.apply(Change::Service(ServiceRecord { version: 2, balance, spill, ..world::service() }));
    let said = told(preferring());
    assert_eq!((&*said.policy, said.policy_by), ("least-request:5", SaidBy::Service));
    let rule = said.spilling.unwrap();
    assert_eq!((rule.at.to_string(), rule.by, rule.leaves), ("0-in-flight".to_owned(), SaidBy::Service, true));
    let asked = told(world::request().preferring("edge1".into(), SpillAt::in_flight(8)).keyed(7));
    assert_eq!((&*asked.policy, asked.policy_by), ("consistent-hash", SaidBy::Request));
    assert_eq!(asked.spilling.map(|rule| (rule.by, rule.leaves)), Some((SaidBy::Request, false)));
    assert_eq!(told(world::request().on("edge1".into())).spilling, None, "strict is strict");

    let junk = ServiceRecord { version: 3, balance: Some("best".into()), spill: Some("8".into()), ..world::service() };
    directory.apply(Change::Service(junk));
    let json = serde_json::to_value(told(preferring())).unwrap();
    assert_eq!((&json["policy"], &json["policyBy"]), (&"random".into(), &"default".into()));
    assert_eq!((&json["spilling"]["at"], &json["spilling"]["leaves"]), (&"never".into(), &false.into()));
    assert_eq!(
        (&json["ignored"][0]["value"], &json["ignored"][1]["annotation"]),
        (&"best".into(), &"dayu.io/spill".into())
    );
}
