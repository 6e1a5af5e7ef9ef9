use serde_json::{Value, json};

use super::{RuntimeServiceTemplate, plan, service, site};
use crate::template::{Rejection, Template, spec_hash};

fn refused(change: impl FnOnce(&mut Value)) -> Rejection {
    plan(&service(change)).unwrap_err()
}

/// `pointer` of the resource set to `value` is refused at `field` with a message that contains `says`.
#[track_caller]
fn refuses(pointer: &str, value: Value, field: &str, says: &str) {
    let rejection = refused(|service| set(service, pointer, value));
    assert_eq!((rejection.reason, rejection.field.as_str()), (Rejection::INVALID_SPEC, field));
    assert!(rejection.message.contains(says), "{rejection}");
    assert!(!rejection.remedy.is_empty());
}

fn set(service: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    service.pointer_mut(parent).unwrap()[key] = value;
}

#[test]
fn every_rule_names_its_field() {
    refuses("/metadata/name", json!("9-det"), "metadata.name", "DNS-1035");
    refuses("/metadata/uid", json!(""), "metadata.uid", "empty");
    refuses("/spec/installID", json!(""), "spec.installID", "empty");
    refuses("/spec/installID", json!("a b"), "spec.installID", "label value");
    refuses("/spec/deploymentRevision", json!(0), "spec.deploymentRevision", "positive");
    refuses("/spec/component", json!("-x"), "spec.component", "label value");
    refuses("/spec/targetNode", json!("Edge_1"), "spec.targetNode", "node name");
    refuses("/spec/logicalService", json!("x".repeat(254)), "spec.logicalService", "exceed 253");
    refuses("/spec/endpoint/port", json!(0), "spec.endpoint.port", "outside 1..65535");
}

#[test]
fn a_name_that_is_only_too_long_is_to_be_shorter() {
    let rejection = refused(|service| set(service, "/metadata/name", json!("d".repeat(64))));
    assert_eq!((rejection.reason, rejection.field.as_str()), (Rejection::INVALID_SPEC, "metadata.name"));
    assert!(rejection.message.contains("has 64 characters, the limit is 63"), "{rejection}");
    assert_eq!(rejection.remedy, "choose a shorter name");
}

#[test]
fn every_rule_about_the_pod_names_its_field() {
    let pod = "/spec/podTemplate/spec";
    let at = |field: &str| format!("spec.podTemplate.{field}");
    refuses(&format!("{pod}/containers"), json!([]), &at("spec.containers"), "empty");
    refuses(&format!("{pod}/nodeName"), json!("edge-2"), &at("spec.nodeName"), "conflicts with targetNode");
    refuses(&format!("{pod}/restartPolicy"), json!("Never"), &at("spec.restartPolicy"), "Always");
    let token = at("spec.automountServiceAccountToken");
    refuses(&format!("{pod}/automountServiceAccountToken"), json!(true), &token, "automount");
    let projected = json!([{"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]);
    refuses(&format!("{pod}/volumes"), projected, &at("spec.volumes[0]"), "service account token");
    let metadata = "/spec/podTemplate/metadata";
    refuses(&format!("{metadata}/labels"), json!({"a b": "x"}), &at("metadata.labels"), "label key");
    refuses(&format!("{metadata}/labels"), json!({"a": "x y"}), &at("metadata.labels"), "valid value");
    refuses(&format!("{metadata}/annotations"), json!({"/": "x"}), &at("metadata.annotations"), "annotation key");
    let foreign = json!({"dayu.io/component": "other"});
    refuses(&format!("{metadata}/labels"), foreign, &at("metadata.labels"), "controller-owned");
    let foreign = json!({"dayu.io/target-node": "edge-2"});
    refuses(&format!("{metadata}/annotations"), foreign, &at("metadata.annotations"), "controller-owned");
}

#[test]
fn the_first_failure_wins() {
    let rejection = refused(|service| {
        set(service, "/spec/endpoint/port", json!(1));
        set(service, "/spec/component", json!(""));
    });
    assert_eq!(rejection.field, "spec.component");
}

#[test]
fn an_endpoint_needs_a_tcp_port_of_a_container() {
    let says = "endpoint port 9000 is not declared as a TCP container port";
    let udp = json!([{"containerPort": 9000, "protocol": "UDP"}]);
    refuses("/spec/podTemplate/spec/containers/0/ports", udp, "spec.endpoint.port", says);
    refuses("/spec/podTemplate/spec/containers/0/ports", json!([]), "spec.endpoint.port", says);
}

#[test]
fn what_the_user_repeats_of_ours_is_fine() {
    let repeated = json!({"dayu.io/component": "processor"});
    assert!(plan(&service(|service| set(service, "/spec/podTemplate/metadata/labels", repeated))).is_ok());
}

#[test]
fn an_accepted_revision_is_immutable_and_restoring_it_heals() {
    let hash = spec_hash::of(&service(|_| {}).spec);
    let status = json!({"observedSpecHash": hash, "observedRevision": 2});
    assert!(plan(&service(|service| service["status"] = status.clone())).is_ok());
    let rejection = refused(|service| {
        service["status"] = status;
        set(service, "/spec/logicalService", json!("other"));
    });
    assert_eq!((rejection.reason, rejection.field.as_str()), (Rejection::INVALID_SPEC, "spec"));
    assert!(rejection.remedy.contains("next deploymentRevision"));
}

#[test]
fn a_device_that_is_missing_or_ambiguous_is_named() {
    let service = service(|_| {});
    let rejection = RuntimeServiceTemplate.plan(&service, &site(&["edge-2"])).unwrap_err();
    assert_eq!((rejection.reason, rejection.field.as_str()), (Rejection::NODE_NOT_FOUND, "spec.targetNode"));
    let rejection = RuntimeServiceTemplate.plan(&service, &site(&["edge-1", "edge1"])).unwrap_err();
    assert_eq!(rejection.reason, Rejection::DEVICE_NAMES_COLLIDE);
    assert!(rejection.message.contains("\"edge-1\"") && rejection.message.contains("\"edge1\""), "{rejection}");
}
