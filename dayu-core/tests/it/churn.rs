//! Endpoints come, go, fail, become ready, unready and busy in any order, and their Service says of how it is balanced whatever it
//! likes: a strict request never reaches another device.
use std::{io, sync::Arc};

use dayu_core::{
    balance::{self, Options, Request, policy},
    directory::{Change, Endpoint, EndpointRecord, ServiceRecord},
};
use parking_lot::Mutex;
use proptest::{collection::vec, prelude::*, sample::select};
use tower::{ServiceExt, service_fn};

use crate::world;

const DEVICES: [&str; 3] = ["edge1", "edge2", "cloud.kubeedge"];

#[derive(Clone, Debug)]
enum Step {
    /// Pods with device and readiness: equal addresses turn up on several devices.
    Slice(Vec<(u8, &'static str, bool)>),
    /// The Service says how it is balanced, sometimes in words that nobody knows.
    Say {
        balance: Option<&'static str>,
        spill: Option<&'static str>,
    },
    /// Every endpoint has so many more requests in flight.
    Press(usize),
    Ask {
        device: &'static str,
        key: Option<u64>,
        broken: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let slice = vec((1..6u8, select(&DEVICES[..]), any::<bool>()), 0..8).prop_map(Step::Slice);
    let balance = select(&["p2c", "least-request:3", "round-robin", "random", "consistent-hash", "anywhere"][..]);
    let spill = select(&["never", "0-in-flight", "1-in-flight", "8-in-flight", "always"][..]);
    let say = (proptest::option::of(balance), proptest::option::of(spill));
    let say = say.prop_map(|(balance, spill)| Step::Say { balance, spill });
    let ask = (select(&DEVICES[..]), proptest::option::of(any::<u64>()), any::<bool>());
    let ask = ask.prop_map(|(device, key, broken)| Step::Ask { device, key, broken });
    vec(prop_oneof![2 => slice, 2 => say, 1 => (1..4usize).prop_map(Step::Press), 6 => ask], 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_strict_request_never_reaches_another_device(steps in steps(), name in select(&policy::NAMES[..])) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let directory = world::directory(Vec::new());
        let dialled: Arc<Mutex<Vec<Endpoint>>> = Arc::default();
        runtime.block_on(async {
            let (mut present, mut pressed): (Vec<(u8, &str, bool)>, Vec<_>) = Default::default();
            for (version, step) in (2..).zip(steps) {
                match step {
                    Step::Slice(pods) => {
                        let record = |(pod, device, ready): &(u8, &str, bool)| EndpointRecord { ready: *ready, ..world::endpoint(device, *pod) };
                        directory.apply(Change::Slice(world::slice(version, pods.iter().map(record).collect())));
                        present = pods;
                    }
                    Step::Say { balance, spill } => {
                        let (balance, spill) = (balance.map(Into::into), spill.map(Into::into));
                        directory.apply(Change::Service(ServiceRecord { version, balance, spill, ..world::service() }));
                    }
                    Step::Press(more) => {
                        world::endpoints(&directory).iter().for_each(|one| pressed.extend((0..more).map(|_| one.load.begin())));
                    }
                    Step::Ask { device, key, broken } => {
                        let log = dialled.clone();
                        let connect = service_fn(move |endpoint: Endpoint| {
                            log.lock().push(endpoint);
                            async move { if broken { Err(io::Error::other("broken")) } else { Ok(()) } }
                        });
                        let stack = balance::stack(directory.clone(), world::policy(name), connect, Options::default());
                        let request = Request { key, ..world::request().on(device.into()) };
                        let reached = stack.oneshot(request).await;
                        let there = present.iter().any(|(_, on, _)| *on == device);
                        let ready = present.iter().any(|(_, on, ready)| *on == device && *ready);
                        prop_assert!(dialled.lock().drain(..).all(|endpoint| endpoint.device.as_str() == device && endpoint.ready));
                        prop_assert!(reached.is_ok() <= there);
                        // With a pod listed twice the first entry counts, so only readiness of some is known here.
                        prop_assert!(ready || reached.is_err());
                    }
                }
            }
            Ok(())
        })?;
    }
}
