use jiff::Timestamp;
use serde_json::json;

use super::{JointMultiEdgeTemplate, plan, service, site, worker};
use crate::{
    api::{JointMultiEdgeService, JointMultiEdgeServiceStatus},
    name::{Device, Uid},
    template::{
        EndpointState, Failure, ObjectRef, Observed, PodState, Rejection, ServiceState, Template, Trouble, WorkerState,
        kstatus,
    },
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn object(name: &str) -> ObjectRef {
    ObjectRef { name: name.to_owned(), uid: Uid::from(format!("uid-{name}")) }
}

fn both() -> serde_json::Value {
    json!({"edgeWorker": [worker("edge-1"), worker("edge-2")], "serviceConfig": {"pos": "edge", "port": 9000}})
}

/// All workers of [`both`] run.
fn observed() -> Observed {
    let plan = plan(both()).unwrap();
    let state = |slot: &crate::template::Slot| WorkerState {
        deployment: Some(object("d")),
        rolled_out: true,
        trouble: None,
        pods: vec![PodState {
            pod: object("p"),
            device: slot.device.clone(),
            ready: true,
            phase: "Running".to_owned(),
            trouble: None,
        }],
    };
    let address = EndpointState { pod: None, device: Some(Device::from("edge-1")) };
    let exposed = ServiceState { service: Some(object("det-edge")), ready: vec![address], not_ready: 0 };
    Observed {
        now: at(0),
        failure: None,
        workers: plan.workers.iter().map(|worker| (worker.slot.clone(), state(&worker.slot))).collect(),
        services: [("det-edge".to_owned(), exposed)].into(),
        plan,
        site: site(),
        acknowledged: None,
        device_connected: false,
    }
}

fn derive(service: &JointMultiEdgeService, observed: &Observed) -> JointMultiEdgeServiceStatus {
    JointMultiEdgeTemplate.status(service, observed)
}

fn condition<'a>(status: &'a JointMultiEdgeServiceStatus, kind: &str) -> (&'a str, &'a str, &'a str) {
    let condition = status.conditions.iter().find(|condition| condition.kind == kind).unwrap();
    (&condition.status, &condition.reason, &condition.message)
}

#[test]
fn running_workers_are_told_as_running() {
    let status = derive(&service(both()), &observed());
    assert_eq!((status.active, status.failed, status.observed_generation), (2, 0, Some(3)));
    assert_eq!(status.start_time.clone().unwrap().0, at(0));
    assert_eq!(condition(&status, "Running").0, "True");
    assert_eq!(condition(&status, "Ready").0, "True");
    assert_eq!(condition(&status, "Failed"), ("False", "NoFailure", "no worker is in trouble"));
}

#[test]
fn a_worker_in_trouble_is_named() {
    let mut seen = observed();
    let broken = seen.workers.values_mut().last().unwrap();
    broken.pods[0].ready = false;
    broken.pods[0].trouble = Some(Trouble::new("CrashLoopBackOff", "exit code 1"));
    let status = derive(&service(both()), &seen);
    assert_eq!((status.active, status.failed), (1, 1));
    let says = "edge worker 0 on edge-2: pod p: CrashLoopBackOff: exit code 1";
    assert_eq!(condition(&status, "Failed"), ("True", "workerFailed", says));
    let (running, _, message) = condition(&status, "Running");
    assert_eq!((running, message), ("False", format!("1 of 2 workers do not run: {says}").as_str()));
    assert_eq!(condition(&status, "Ready").0, "False");
}

#[test]
fn a_worker_on_its_way_has_not_failed() {
    let mut seen = observed();
    let starting = seen.workers.values_mut().next().unwrap();
    starting.pods[0].ready = false;
    starting.pods[0].phase = "Pending".to_owned();
    starting.pods[0].trouble = Some(Trouble::new("ContainerCreating", ""));
    let status = derive(&service(both()), &seen);
    assert_eq!((status.active, status.failed), (1, 0));
    assert_eq!((condition(&status, "Failed").0, condition(&status, "Running").0), ("False", "False"));
    let stuck = seen.workers.values_mut().next().unwrap();
    stuck.pods.clear();
    stuck.trouble = Some(Trouble::new("FailedCreate", "exceeded quota"));
    let status = derive(&service(both()), &seen);
    let told = condition(&status, "Failed");
    assert_eq!((told.0, told.1), ("True", "workerFailed"));
    assert!(told.2.ends_with("deployment: FailedCreate: exceeded quota"), "{}", told.2);
    seen.workers.clear();
    assert!(
        condition(&derive(&service(both()), &seen), "Running")
            .2
            .contains("edge worker 0 on edge-1 has no deployment yet")
    );
}

#[test]
fn failure_is_not_for_ever() {
    let mut failed = service(both());
    let appended = json!([
        {"type": "Running", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"},
        {"type": "Failed", "status": "True", "lastTransitionTime": "2020-01-01T00:00:01Z"},
        {"type": "Failed", "status": "True"},
    ]);
    failed.status = serde_json::from_value(json!({
        "conditions": appended, "active": 0, "failed": 2, "startTime": "2020-01-01T00:00:00Z",
        "metrics": [{"key": "f1", "value": "0.9"}],
    }))
    .unwrap();
    let status = derive(&failed, &observed());
    assert_eq!(status.conditions.len(), 3, "one of each kind");
    assert_eq!(condition(&status, "Failed").0, "False");
    assert_eq!((status.active, status.failed), (2, 0));
    assert_eq!(status.start_time.unwrap().to_owned().0.to_string(), "2020-01-01T00:00:00Z");
    assert_eq!(status.metrics[0].key, "f1");
    let running = status.conditions.iter().find(|condition| condition.kind == "Running").unwrap();
    assert_eq!(running.last_transition_time.as_ref().unwrap().0.to_string(), "2020-01-01T00:00:00Z");
}

#[test]
fn a_rejection_and_a_refusal_say_what_to_do() {
    let mut seen = observed();
    seen.failure =
        Some(Failure::Refused { child: "Service/det-edge".to_owned(), message: "port 30080 is taken".to_owned() });
    let status = derive(&service(both()), &seen);
    assert_eq!(condition(&status, "Failed"), ("True", "ReconcileFailed", "Service/det-edge: port 30080 is taken"));
    assert_eq!(condition(&status, "Running").0, "True", "the workers run all the same");
    assert_eq!(condition(&status, "Ready").0, "False");

    seen.failure = Some(Failure::Rejected(Rejection::invalid("spec.x", "is wrong", "fix it")));
    (seen.plan, seen.workers) = Default::default();
    let status = derive(&service(both()), &seen);
    for kind in ["Failed", "Running", "Ready", "Stalled"] {
        assert_eq!(condition(&status, kind).1, "InvalidSpec");
        assert_eq!(condition(&status, kind).2, "spec.x: is wrong; fix it");
    }
}

#[test]
fn whoever_waits_by_the_rules_of_kstatus_learns_that_it_is_ready_that_it_comes_or_that_only_an_edit_helps() {
    let (mut service, mut seen) = (service(both()), observed());
    let mut waits = |seen: &Observed| {
        service.status = Some(derive(&service, seen));
        kstatus::of(&service)
    };
    assert_eq!(waits(&seen), "Current");
    seen.failure = Some(Failure::Rejected(Rejection::invalid("spec.x", "is wrong", "fix it")));
    assert_eq!(waits(&seen), "Failed");
    seen.failure = None;
    seen.workers.clear();
    assert_eq!(waits(&seen), "InProgress");
}

#[test]
fn ready_needs_an_address() {
    let mut seen = observed();
    seen.services.values_mut().next().unwrap().ready.clear();
    let status = derive(&service(both()), &seen);
    assert_eq!(
        condition(&status, "Ready"),
        ("False", "EndpointsNotReady", "service det-edge has no ready address yet")
    );
}

#[test]
fn a_status_that_says_the_same_is_the_same() {
    let mut stored = service(both());
    let mut seen = observed();
    let once = derive(&stored, &seen);
    stored.status = Some(serde_json::from_value(serde_json::to_value(&once).unwrap()).unwrap());
    seen.now = at(60);
    assert_eq!(derive(&stored, &seen), once);
    seen.workers.values_mut().next().unwrap().rolled_out = false;
    let changed = derive(&stored, &seen);
    assert_eq!(changed.conditions[0].last_heartbeat_time.as_ref().unwrap().0, at(60));
}
