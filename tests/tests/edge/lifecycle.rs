//! A worker on a real node through its life: activated, killed, replaced.
use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    http::Ask,
    manifests::{pipeline, runtime_service},
    site::{NODES, Site, eventually, shared},
};

fn namespace(site: &Site, name: &str) {
    site.kubectl(&["create", "namespace", name]);
}

/// The one pod of a namespace whose name begins so.
fn pod(site: &Site, namespace: &str, prefix: &str) -> Value {
    let pods = site.get(&["pods", "-n", namespace]);
    let named = |pod: &&Value| pod["metadata"]["name"].as_str().unwrap().starts_with(prefix);
    pods["items"].as_array().unwrap().iter().find(named).expect("a pod").clone()
}

fn condition<'a>(resource: &'a Value, kind: &str) -> &'a Value {
    resource["status"]["conditions"].as_array().unwrap().iter().find(|said| said["type"] == kind).unwrap()
}

#[test]
fn a_killed_worker_is_started_again_and_activated_again() {
    let Some((site, _shared)) = shared() else { return };
    namespace(site, "killed");
    site.apply(&runtime_service("killed", "worker", "edge2", 1));
    site.wait("killed", "runtimeservice/worker", "condition=Ready");
    let (address, _) = site.service("killed", "worker");
    eventually("the worker", || site.ask("edge1", &Ask::get(address, "/health")));

    let before = pod(site, "killed", "worker-");
    let id = before["status"]["containerStatuses"][0]["containerID"].as_str().unwrap();
    let id = id.strip_prefix("containerd://").unwrap();
    let mut kill = site.node("edge2").command("ctr");
    kill.args(["--namespace", "k8s.io", "task", "kill", "--signal", "SIGKILL", id]);
    assert!(kill.status().unwrap().success());

    eventually("a second life", || {
        let now = pod(site, "killed", "worker-");
        let restarts = now["status"]["containerStatuses"][0]["restartCount"].as_u64().unwrap_or_default();
        if restarts == 1 { Ok(()) } else { Err(now["status"].to_string()) }
    });
    site.wait("killed", "runtimeservice/worker", "condition=Ready");
    let resource = site.get(&["runtimeservice", "worker", "-n", "killed"]);
    assert_eq!(condition(&resource, "Activated")["status"], "True", "{resource}");
    let after = pod(site, "killed", "worker-");
    assert_eq!(resource["status"]["podRef"]["uid"], after["metadata"]["uid"]);
    for from in NODES {
        let answer = eventually("the worker again", || site.ask(from, &Ask::get(address, "/health")));
        assert_eq!(answer["device"], "edge2");
    }
}

#[test]
fn the_next_revision_takes_over_and_the_old_one_goes() {
    let Some((site, _shared)) = shared() else { return };
    namespace(site, "replaced");
    let mut addresses = Vec::new();
    for (revision, device) in [(1, "edge1"), (2, "edge2")] {
        let name = format!("worker-r{revision}");
        site.apply(&runtime_service("replaced", &name, device, revision));
        site.wait("replaced", &format!("runtimeservice/{name}"), "condition=Ready");
        addresses.push(site.service("replaced", &name).0);
    }
    site.kubectl(&["delete", "runtimeservice", "worker-r1", "-n", "replaced", "--timeout=60s"]);
    let left = || site.get(&["deployment,service,pod", "-n", "replaced"])["items"].as_array().unwrap().clone();
    eventually("only the second revision", || {
        let old =
            left().iter().filter(|one| one["metadata"]["name"].as_str().unwrap().starts_with("worker-r1")).count();
        if old == 0 { Ok(()) } else { Err(format!("{old} of the first are left")) }
    });
    for from in NODES {
        let answer = eventually("the second revision", || site.ask(from, &Ask::get(addresses[1], "/health")));
        assert_eq!(answer["device"], "edge2");
        assert!(site.ask(from, &Ask::get(addresses[0], "/health")).is_err(), "the first is gone");
    }
}

#[test]
fn an_update_of_one_worker_leaves_the_others_alone() {
    let Some((site, _shared)) = shared() else { return };
    let everything = pipeline("updated");
    let theirs = |part: &&str| ["name: detector,", "kind: ServiceAccount"].iter().any(|word| part.contains(word));
    let detectors: Vec<&str> = everything.split("---").filter(theirs).collect();
    namespace(site, "updated");
    site.apply(&detectors.join("---"));
    site.wait("updated", "jointmultiedgeservice/detector", "condition=Ready");
    let generations = || {
        let deployments = site.get(&["deployments", "-n", "updated"]);
        let of = |one: &Value| (one["metadata"]["uid"].to_string(), one["metadata"]["generation"].as_u64());
        deployments["items"].as_array().unwrap().iter().map(of).collect::<BTreeSet<_>>()
    };
    let before = generations();
    assert_eq!(before.len(), 4);
    // The worker on the second device alone is told to be louder.
    let change = r#"[{"op":"replace","path":"/spec/edgeWorker/3/logLevel/level","value":"DEBUG"}]"#;
    site.kubectl(&["-n", "updated", "patch", "jointmultiedgeservice", "detector", "--type=json", "-p", change]);
    let after = eventually("the changed worker", || {
        let now = generations();
        if now != before { Ok(now) } else { Err("nothing changed yet".to_owned()) }
    });
    assert_eq!((before.intersection(&after).count(), after.len()), (3, 4), "{before:?} {after:?}");
    site.wait("updated", "jointmultiedgeservice/detector", "condition=Ready");
    let (_, node_port) = site.service("updated", "detector-both");
    for on in NODES {
        let health = Ask::get(site.at(on, node_port.unwrap()), "/health");
        assert_eq!(eventually("a detector", || site.ask("edge1", &health))["device"], on);
    }
}

/// From within a pod, by nothing but what its own environment says; and on the device's network by localhost, as Sedna has it.
#[test]
fn a_worker_reports_to_the_local_manager_of_its_device() {
    let Some((site, _shared)) = shared() else { return };
    site.apply(&pipeline("reporting"));
    site.wait("reporting", "jointmultiedgeservice/camera", "condition=Ready");
    let report =
        r#"{"name":"w","namespace":"n","ownerName":"o","ownerKind":"jointmultiedgeservice","status":"running"}"#;
    let path = "/sedna/workers/w/info";
    for camera in site.get(&["pods", "-n", "reporting"])["items"].as_array().unwrap() {
        if !camera["metadata"]["name"].as_str().unwrap().starts_with("camera-") {
            continue;
        }
        let server = site.variable(camera, "LC_SERVER");
        let url = format!("{server}{path}");
        let arguments = ["-sS", "--noproxy", "*", "-H", "Content-Type: application/json", "-d", report, &url];
        let said = site.within(camera, "curl", &arguments);
        assert!(said.contains(r#""Status":200"#), "{said}");
    }
    let report = Ask::post(([127, 0, 0, 1], 9100).into(), path, report.into());
    for from in NODES {
        let answer = site.ask(from, &report.clone().header("Content-Type", "application/json")).unwrap();
        assert_eq!(answer["Status"], 200);
    }
    site.kubectl(&["delete", "runtimeservice,jointmultiedgeservice", "--all", "-n", "reporting", "--timeout=60s"]);
}
