use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use super::{RuntimeServiceTemplate, plan, service, site};
use crate::{
    api::{RuntimeService, RuntimeServiceStatus, condition},
    name::{Device, Revision, Uid},
    template::{
        Acknowledgement, EndpointState, Failure, ObjectRef, Observed, PodState, Rejection, ServiceState, Template,
        Trouble, WorkerState, kstatus,
    },
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn object(name: &str, uid: &str) -> ObjectRef {
    ObjectRef { name: name.to_owned(), uid: Uid::from(uid) }
}

fn pod(uid: &str) -> PodState {
    PodState {
        pod: object("det-edge1-r2-abc", uid),
        device: Some(Device::from("edge-1")),
        ready: true,
        phase: "Running".to_owned(),
        trouble: None,
    }
}

/// All is well but for the acknowledgement.
fn observed(service: &RuntimeService) -> Observed {
    let plan = plan(service).unwrap();
    let worker = WorkerState {
        deployment: Some(object("det-edge1-r2", "d1")),
        rolled_out: true,
        trouble: None,
        pods: vec![pod("p1")],
    };
    let address = EndpointState { pod: Some(Uid::from("p1")), device: Some(Device::from("edge-1")) };
    let exposed = ServiceState { service: Some(object("det-edge1-r2", "s1")), ready: vec![address], not_ready: 0 };
    Observed {
        now: at(0),
        failure: None,
        workers: [(plan.workers[0].slot.clone(), worker)].into(),
        services: [("det-edge1-r2".to_owned(), exposed)].into(),
        plan,
        site: site(&["edge-1"]),
        acknowledged: None,
        device_connected: true,
    }
}

fn ack() -> Acknowledgement {
    Acknowledgement {
        resource: Uid::from("uid-rts"),
        service: Uid::from("s1"),
        pod: Uid::from("p1"),
        revision: Revision(2),
        device: Device::from("edge-1"),
        sequence: 7,
        observed_at: at(1),
    }
}

fn derive(service: &RuntimeService, observed: &Observed) -> RuntimeServiceStatus {
    RuntimeServiceTemplate.status(service, observed)
}

fn reasons(status: &RuntimeServiceStatus) -> BTreeMap<&str, (&str, &str)> {
    status.conditions.iter().map(|c| (c.type_.as_str(), (c.status.as_str(), c.reason.as_str()))).collect()
}

/// What the engine asks before it lets a status wait.
#[test]
fn only_what_is_neither_there_nor_in_trouble_may_wait() {
    let service = service(|_| {});
    let may_wait = |change: &dyn Fn(&mut Observed)| {
        let mut observed = observed(&service);
        change(&mut observed);
        !observed.is_in_trouble() && RuntimeServiceTemplate.is_on_its_way(&derive(&service, &observed))
    };
    fn worker(observed: &mut Observed) -> &mut WorkerState {
        observed.workers.values_mut().next().unwrap()
    }
    let comes = |reason: &'static str| {
        move |observed: &mut Observed| {
            let pod = &mut worker(observed).pods[0];
            (pod.ready, pod.trouble) = (false, Some(Trouble::new(reason, "")));
        }
    };
    assert!(may_wait(&|_| {}), "asked, and not answered yet");
    assert!(may_wait(&comes("ContainerCreating")) && may_wait(&comes("Unschedulable")));
    assert!(!may_wait(&comes("ErrImagePull")) && !may_wait(&comes("CrashLoopBackOff")));
    assert!(!may_wait(&|observed| {
        let worker = worker(observed);
        worker.pods.clear();
        worker.trouble = Some(Trouble::new("FailedCreate", "exceeded quota"));
    }));
    assert!(!may_wait(&|observed| observed.site = site(&[])), "the device is gone");
    assert!(!may_wait(&|observed| observed.device_connected = false));
    assert!(!may_wait(&|observed| observed.acknowledged = Some(ack())), "Ready");
}

#[test]
fn without_acknowledgement_only_activation_is_missing() {
    let service = service(|_| {});
    let status = derive(&service, &observed(&service));
    assert_eq!(
        reasons(&status),
        BTreeMap::from([
            ("SpecAccepted", ("True", "Accepted")),
            ("ResourcesReconciled", ("True", "Reconciled")),
            ("NodeReady", ("True", "NodeReady")),
            ("WorkloadReady", ("True", "WorkloadReady")),
            ("EndpointReady", ("True", "EndpointReady")),
            ("Activated", ("False", "AwaitingNodeAck")),
            ("Ready", ("False", "ReadinessGatesPending")),
        ]),
    );
    let value = serde_json::to_value(&status).unwrap();
    assert_eq!(
        value["activation"],
        json!({"targetNode": "edge-1", "requestedRevision": 2, "requestedServiceUID": "s1",
            "requestedEndpointPodUID": "p1", "lastRequestTime": "2023-11-14T22:13:20Z"}),
    );
    assert_eq!(
        value["endpoint"],
        json!({"serviceRef": {"name": "det-edge1-r2", "uid": "s1"}, "port": 9000, "readyAddresses": 1,
            "dnsName": "det-edge1-r2.lab.svc.cluster.local", "notReadyAddresses": 0}),
    );
    assert_eq!(value["podRef"], json!({"name": "det-edge1-r2-abc", "uid": "p1"}));
    assert_eq!(value["deploymentRef"], json!({"name": "det-edge1-r2", "uid": "d1"}));
    assert_eq!((&value["observedGeneration"], &value["observedRevision"]), (&json!(4), &json!(2)));
}

#[test]
fn the_exact_acknowledgement_activates_and_no_other() {
    let service = service(|_| {});
    let mut observed = observed(&service);
    let stale = [
        Acknowledgement { resource: Uid::from("x"), ..ack() },
        Acknowledgement { service: Uid::from("x"), ..ack() },
        Acknowledgement { pod: Uid::from("x"), ..ack() },
        Acknowledgement { revision: Revision(1), ..ack() },
        Acknowledgement { device: Device::from("edge-2"), ..ack() },
        Acknowledgement { sequence: 0, ..ack() },
    ];
    for stale in stale {
        observed.acknowledged = Some(stale);
        assert_eq!(reasons(&derive(&service, &observed))["Activated"], ("False", "AwaitingNodeAck"));
    }
    observed.acknowledged = Some(ack());
    let status = derive(&service, &observed);
    assert!(condition::holds(&status.conditions, "Activated") && condition::holds(&status.conditions, "Ready"));
    let activation = status.activation.unwrap();
    assert_eq!(activation.activated_local_sequence, Some(7));
    assert_eq!(activation.last_ack_time.unwrap().0, at(1));
}

#[test]
fn activation_is_a_latch_that_only_another_incarnation_opens() {
    let mut service = service(|_| {});
    let mut seen = observed(&service);
    seen.acknowledged = Some(ack());
    service.status = Some(derive(&service, &seen));
    let slot = seen.plan.workers[0].slot.clone();

    let mut gone = observed(&service);
    gone.workers.clear();
    gone.services.clear();
    assert!(condition::holds(&derive(&service, &gone).conditions, "Activated"), "not seen is not revoked");

    let mut replaced = observed(&service);
    replaced.workers.get_mut(&slot).unwrap().pods = vec![pod("p2")];
    assert!(!condition::holds(&derive(&service, &replaced).conditions, "Activated"), "another pod");

    let mut recreated = observed(&service);
    recreated.services.get_mut("det-edge1-r2").unwrap().service = Some(object("det-edge1-r2", "s2"));
    assert!(!condition::holds(&derive(&service, &recreated).conditions, "Activated"), "another Service");
}

#[test]
fn without_endpoint_nothing_is_awaited() {
    let service = service(|service| drop(service["spec"].as_object_mut().unwrap().remove("endpoint")));
    let status = derive(&service, &observed(&service));
    assert_eq!(reasons(&status)["EndpointReady"], ("True", "NotRequired"));
    assert_eq!(reasons(&status)["Activated"], ("True", "NotRequired"));
    assert!(condition::holds(&status.conditions, "Ready"));
    assert_eq!((status.activation, status.endpoint), (None, None));
}

#[test]
fn a_rejected_spec_blanks_what_it_cannot_know_and_keeps_what_was_accepted() {
    let mut service = service(|_| {});
    let mut seen = observed(&service);
    seen.acknowledged = Some(ack());
    let accepted = derive(&service, &seen);
    service.status = Some(accepted.clone());
    seen.failure = Some(Failure::Rejected(Rejection::invalid("spec.component", "must not be empty", "set it")));
    let status = derive(&service, &seen);
    let (stalled, gates) = status.conditions.split_last().unwrap();
    assert_eq!((gates.len(), &*stalled.type_, &*stalled.status), (7, "Stalled", "True"));
    assert!(gates.iter().all(|c| c.status == "False") && status.conditions.iter().all(|c| c.reason == "InvalidSpec"));
    assert!(status.conditions[0].message.contains("spec.component: must not be empty; set it"));
    assert_eq!(status.observed_spec_hash, accepted.observed_spec_hash);
    assert_eq!(status.activation, accepted.activation);
    assert_eq!((status.deployment_ref, status.pod_ref, status.endpoint), (None, None, None));
}

#[test]
fn whoever_waits_by_the_rules_of_kstatus_learns_that_it_is_ready_that_it_comes_or_that_only_an_edit_helps() {
    let mut service = service(|_| {});
    let mut seen = observed(&service);
    let absent = RuntimeServiceTemplate.plan(&service, &site(&[])).unwrap_err();
    let mut waits = |seen: &Observed| {
        service.status = Some(derive(&service, seen));
        kstatus::of(&service)
    };
    assert_eq!(waits(&seen), "InProgress", "the device has not confirmed the route");
    seen.failure = Some(Failure::Rejected(Rejection::invalid("spec.component", "must not be empty", "set it")));
    assert_eq!(waits(&seen), "Failed");
    seen.failure = Some(Failure::Rejected(absent));
    assert_eq!(waits(&seen), "InProgress", "the device may come");
    (seen.failure, seen.acknowledged) = (None, Some(ack()));
    assert_eq!(waits(&seen), "Current");
    service.metadata.generation = Some(5);
    assert_eq!(kstatus::of(&service), "InProgress", "nobody has looked at the edit");
}

#[test]
fn a_missing_node_is_the_sites_fault() {
    let service = service(|_| {});
    let rejection = RuntimeServiceTemplate.plan(&service, &site(&[])).unwrap_err();
    let mut seen = observed(&service);
    seen.failure = Some(Failure::Rejected(rejection));
    (seen.plan, seen.site, seen.workers, seen.services) = Default::default();
    let status = derive(&service, &seen);
    let reasons = reasons(&status);
    assert_eq!(reasons["SpecAccepted"], ("True", "Accepted"));
    assert_eq!(reasons["ResourcesReconciled"], ("False", "NodeNotFound"));
    assert_eq!(reasons["NodeReady"], ("False", "NodeNotReady"));
    assert_eq!(reasons["Ready"], ("False", "ReadinessGatesPending"));
    assert_eq!(status.observed_spec_hash.unwrap().len(), 64);
}

#[test]
fn trouble_is_told_where_people_look() {
    let service = service(|_| {});
    let mut seen = observed(&service);
    let worker = seen.workers.values_mut().next().unwrap();
    worker.rolled_out = false;
    worker.pods[0].ready = false;
    worker.pods[0].trouble = Some(Trouble::new("ErrImagePull", "no such image"));
    let status = derive(&service, &seen);
    let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready").unwrap();
    assert!(ready.message.contains("pod det-edge1-r2-abc: ErrImagePull: no such image"), "{}", ready.message);
    assert_eq!(reasons(&status)["WorkloadReady"], ("False", "WorkloadNotReady"));
    assert_eq!(reasons(&status)["EndpointReady"], ("False", "EndpointNotReady"));

    seen = observed(&service);
    let worker = seen.workers.values_mut().next().unwrap();
    (worker.rolled_out, worker.pods) = (false, Vec::new());
    worker.trouble = Some(Trouble::new("FailedCreate", "exceeded quota"));
    let status = derive(&service, &seen);
    let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready").unwrap();
    assert!(ready.message.contains("deployment: FailedCreate: exceeded quota"), "{}", ready.message);

    seen = observed(&service);
    seen.failure = Some(Failure::Refused { child: "Service/x".to_owned(), message: "port is taken".to_owned() });
    seen.device_connected = false;
    let status = derive(&service, &seen);
    assert_eq!(reasons(&status)["ResourcesReconciled"], ("False", "ReconcileFailed"));
    assert_eq!(reasons(&status)["Activated"], ("False", "ActivationDispatchFailed"));
    assert_eq!(status.activation, None, "what was not asked is not told as asked");
}

#[test]
fn two_ready_pods_are_not_one() {
    let service = service(|_| {});
    let mut seen = observed(&service);
    seen.workers.values_mut().next().unwrap().pods.push(pod("p2"));
    assert_eq!(reasons(&derive(&service, &seen))["WorkloadReady"], ("False", "WorkloadNotReady"));
}

proptest! {
    /// Whatever was seen, deriving again from what was stored changes nothing but with a change of what is seen.
    #[test]
    fn status_settles(
        rolled_out: bool, ready: bool, pods in 0_usize..3, addresses in 0_usize..3, not_ready in 0_i32..2,
        acknowledged: bool, connected: bool, exists: bool, later in 1_i64..1000,
    ) {
        let mut service = service(|_| {});
        let mut seen = observed(&service);
        let worker = seen.workers.values_mut().next().unwrap();
        worker.rolled_out = rolled_out;
        worker.pods = (0..pods).map(|n| PodState { ready, ..pod(&format!("p{}", n + 1)) }).collect();
        let exposed = seen.services.values_mut().next().unwrap();
        exposed.ready = exposed.ready.iter().cycle().take(addresses).cloned().collect();
        exposed.not_ready = not_ready;
        if !exists { exposed.service = None; }
        seen.acknowledged = acknowledged.then(ack);
        seen.device_connected = connected;
        let once = derive(&service, &seen);
        prop_assert!(!condition::holds(&once.conditions, "Ready") || once.conditions.iter().all(|c| c.status == "True"));
        // As the API server would give it back.
        service.status = Some(serde_json::from_value(serde_json::to_value(&once).unwrap()).unwrap());
        seen.now = at(later);
        prop_assert_eq!(derive(&service, &seen), once);
    }
}
