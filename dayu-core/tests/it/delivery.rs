//! The whole stack: what is refused and how it is said, what is tried next, what is counted.
use std::{io, sync::Arc, time::Duration};

use dayu_core::{
    balance::{self, DialError, Error, Options, Request, SpillAt, Tracked, policy},
    directory::{Change, Directory, Endpoint, EndpointRecord},
    name::ServiceKey,
};
use tokio::time::Instant;
use tower::{ServiceExt, service_fn};

use crate::world;

/// A connector to endpoints of which those listed do not listen, and pod 9 never answers.
async fn ask(directory: &Arc<Directory>, request: Request, dead: &'static [u8]) -> Result<Tracked<u8>, Error> {
    let connect = service_fn(move |endpoint: Endpoint| async move {
        let pod: u8 = endpoint.pod.unwrap().name.trim_start_matches("det-").parse().unwrap();
        if pod == 9 {
            std::future::pending::<()>().await;
        }
        if dead.contains(&pod) { Err(io::Error::from(io::ErrorKind::ConnectionRefused)) } else { Ok(pod) }
    });
    balance::stack(directory.clone(), policy::PowerOfTwo, connect, Options::default()).oneshot(request).await
}

#[tokio::test(start_paused = true)]
async fn each_refusal_has_its_reason_and_says_what_to_do() {
    let unready = EndpointRecord { ready: false, ..world::endpoint("edge2", 2) };
    let directory = world::directory(vec![world::endpoint("edge1", 1), unready]);
    let other = |name: &str, port| Request::to(ServiceKey::new("ns", name), port);
    let cases = [
        (other("none", 1), "NoSuchService", "ns/none"),
        (other("det", 1), "NoSuchPort", "it has 9000"),
        (world::request().on("edge9".into()), "NoSuchDevice", "edge9"),
        (world::request().on("cloud.kubeedge".into()), "NoEndpointOnDevice", "edge1, edge2"),
        (world::request().on("edge2".into()), "NotReady", "edge2"),
    ];
    for (request, reason, says) in cases {
        let error = ask(&directory, request, &[]).await.unwrap_err();
        assert_eq!(error.reason(), reason);
        assert!(error.to_string().contains(says), "{error}");
    }
    directory.apply(Change::Slice(world::slice(2, Vec::new())));
    assert_eq!(ask(&directory, world::request(), &[]).await.unwrap_err().reason(), "NoEndpoint");
    assert!(world::resolved(&directory, world::request()).is_err(), "and without waiting for anything");
}

#[tokio::test(start_paused = true)]
async fn the_next_candidate_of_the_device_is_tried_and_no_other_device() {
    let directory =
        world::directory(vec![world::endpoint("edge1", 1), world::endpoint("edge1", 2), world::endpoint("edge2", 3)]);
    for _ in 0..20 {
        let reached = ask(&directory, world::request().on("edge1".into()), &[1]).await.unwrap();
        assert_eq!(*reached, 2);
    }
    let error = ask(&directory, world::request().on("edge1".into()), &[1, 2]).await.unwrap_err();
    assert_eq!(error.reason(), "Unreachable");
    assert!(error.to_string().contains("2 endpoint(s)"), "{error}");
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<DialError>());
    let Some(DialError::Failed(refused)) = cause else { panic!("{cause:?}") };
    assert_eq!(refused.downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test(start_paused = true)]
async fn a_preferred_device_is_left_when_nothing_there_can_be_reached() {
    let directory = world::directory(vec![world::endpoint("edge1", 1), world::endpoint("edge2", 3)]);
    let request = world::request().preferring("edge1".into(), SpillAt::in_flight(4));
    assert_eq!(*ask(&directory, request.clone(), &[]).await.unwrap(), 1);
    assert_eq!(*ask(&directory, request.clone(), &[1]).await.unwrap(), 3);
    let busy: Vec<_> = (0..4).map(|_| world::endpoints(&directory)[0].load.begin()).collect();
    assert_eq!(*ask(&directory, request.clone(), &[]).await.unwrap(), 3, "spills at {} in flight", busy.len());
    drop(busy);
    let failed = &world::endpoints(&directory)[0].load;
    (0..5).for_each(|_| failed.failed(Duration::ZERO));
    assert_eq!(*ask(&directory, request, &[]).await.unwrap(), 3, "an ejected endpoint is not preferred");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_answer_costs_the_deadline_once_and_then_the_next_is_tried() {
    let directory = world::directory(vec![world::endpoint("edge1", 9), world::endpoint("edge1", 2)]);
    let began = Instant::now();
    for _ in 0..50 {
        assert_eq!(*ask(&directory, world::request().on("edge1".into()), &[]).await.unwrap(), 2);
    }
    assert!(began.elapsed() <= Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_request_is_in_flight_until_its_connection_is_dropped() {
    let directory = world::equals(1);
    let load = || world::endpoints(&directory)[0].load.clone();
    let (connection, reached) = ask(&directory, world::request(), &[]).await.unwrap().split();
    assert_eq!((load().in_flight(), connection), (1, 1));
    drop(reached);
    assert_eq!(load().in_flight(), 0);
    ask(&directory, world::request(), &[1]).await.unwrap_err();
    assert_eq!(load().in_flight(), 0, "failures are not counted for ever");
}

#[tokio::test(start_paused = true)]
async fn the_last_endpoint_is_never_ejected() {
    let directory = world::equals(1);
    for _ in 0..20 {
        ask(&directory, world::request().on("edge1".into()), &[1]).await.unwrap_err();
    }
    assert_eq!(*ask(&directory, world::request().on("edge1".into()), &[]).await.unwrap(), 1);
}

/// A stack is shared by cloning it, whatever its policy is.
#[test]
fn a_stack_over_any_policy_can_be_cloned() {
    fn shared<P: dayu_core::balance::Policy>(policy: P) {
        let connect =
            tower::service_fn(async |endpoint: dayu_core::directory::Endpoint| Ok::<_, String>(endpoint.address));
        let directory = std::sync::Arc::new(dayu_core::directory::Directory::new());
        let stack = dayu_core::balance::stack(directory, policy, connect, dayu_core::balance::Options::default());
        let _another = stack.clone();
    }
    shared(dayu_core::balance::policy::RoundRobin);
    shared(world::policy("p2c"));
}
