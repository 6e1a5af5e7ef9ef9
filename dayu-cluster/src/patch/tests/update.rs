use serde_json::{Value, json};

use super::*;

fn created() -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "web", "uid": "1", "generation": 1, "labels": { "app": "web" } },
        "spec": {
            "replicas": 1,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "web", "image": "a:1", "ports": [{ "containerPort": 80 }] }] },
            },
        },
    });
    builtin::default("apps", "Deployment", &mut object);
    update(None, &mut object, writer("kubectl-create"), &deployments());
    object
}

/// As a 1.37 API server writes it for `kubectl create`.
#[test]
fn creation_owns_everything_in_the_form_of_kubernetes() {
    let container = json!({
        ".": {}, "f:image": {}, "f:imagePullPolicy": {}, "f:name": {}, "f:resources": {},
        "f:terminationMessagePath": {}, "f:terminationMessagePolicy": {},
        "f:ports": { ".": {}, "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {
            ".": {}, "f:containerPort": {}, "f:protocol": {} } },
    });
    assert_eq!(
        owned(&created(), "kubectl-create"),
        json!({
            "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
            "f:spec": {
                "f:progressDeadlineSeconds": {}, "f:replicas": {}, "f:revisionHistoryLimit": {}, "f:selector": {},
                "f:strategy": { "f:rollingUpdate": { ".": {}, "f:maxSurge": {}, "f:maxUnavailable": {} }, "f:type": {} },
                "f:template": {
                    "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
                    "f:spec": {
                        "f:containers": { "k:{\"name\":\"web\"}": container },
                        "f:dnsPolicy": {}, "f:restartPolicy": {}, "f:schedulerName": {}, "f:securityContext": {},
                        "f:terminationGracePeriodSeconds": {},
                    },
                },
            },
        })
    );
}

#[test]
fn an_update_takes_what_it_changes_and_leaves_the_rest() {
    let live = created();
    let mut new = live.clone();
    new["spec"]["replicas"] = 4.into();
    new["metadata"]["labels"].as_object_mut().unwrap().remove("app");
    let later = Writer { now: "2026-01-02T00:00:00Z", ..writer("scaler") };
    update(Some(&live), &mut new, later, &deployments());
    assert_eq!(owned(&new, "scaler"), json!({"f:spec": {"f:replicas": {}}}));
    assert_eq!(owned(&new, "kubectl-create")["f:spec"].get("f:replicas"), None);
    assert_eq!(owned(&new, "kubectl-create")["f:metadata"], json!({"f:labels": {}}));
    let managers: Vec<_> =
        new["metadata"]["managedFields"].as_array().unwrap().iter().map(|entry| entry["manager"].clone()).collect();
    assert_eq!(managers, ["kubectl-create", "scaler"]);
}

#[test]
fn an_update_that_changes_nothing_keeps_the_times() {
    let live = created();
    let mut new = live.clone();
    update(Some(&live), &mut new, Writer { now: "2030-01-01T00:00:00Z", ..writer("x") }, &deployments());
    assert_eq!(new, live);
}

#[test]
fn sent_owners_count_and_an_empty_entry_forgets_them() {
    let live = created();
    let mut new = live.clone();
    new["metadata"]["managedFields"][0]["manager"] = "renamed".into();
    update(Some(&live), &mut new, writer("x"), &deployments());
    assert_eq!(new["metadata"]["managedFields"][0]["manager"], "renamed");
    new["metadata"]["managedFields"] = json!([{}]);
    update(Some(&live), &mut new, writer("x"), &deployments());
    assert_eq!(new["metadata"].get("managedFields"), None);
    // Left out, they are kept.
    let mut new = live.clone();
    new["metadata"].as_object_mut().unwrap().remove("managedFields");
    update(Some(&live), &mut new, writer("x"), &deployments());
    assert_eq!(new, live);
}

#[test]
fn the_oldest_of_many_updaters_become_one() {
    let mut object = created();
    for number in 1..=12 {
        let live = object.clone();
        object["metadata"]["labels"][format!("l{number}")] = "x".into();
        let (manager, now) = (format!("m{number}"), format!("2026-02-{number:02}T00:00:00Z"));
        update(Some(&live), &mut object, Writer { now: &now, ..writer(&manager) }, &deployments());
    }
    let entries = object["metadata"]["managedFields"].as_array().unwrap();
    assert_eq!(entries.len(), 10);
    assert_eq!(entries[0]["manager"], "ancient-changes");
    assert_eq!(entries[9]["manager"], "m12");
}
