//! What `deploy/` installs: the plain manifests, which are the chart with everything at its default.
use std::{path::Path, process::Command};

use serde_json::Value;

fn manifests() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/dayu.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    documents.into_iter().filter(|document| document.is_object()).collect()
}

fn of_kind<'a>(manifests: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    manifests.iter().filter(move |manifest| manifest["kind"] == kind)
}

fn workloads(manifests: &[Value]) -> Vec<&Value> {
    let workloads: Vec<_> = of_kind(manifests, "Deployment").chain(of_kind(manifests, "DaemonSet")).collect();
    assert_eq!(workloads.len(), 3, "the global manager, the local manager and the mesh");
    workloads
}

#[test]
fn each_daemon_understands_what_it_is_started_with() {
    let manifests = manifests();
    for workload in workloads(&manifests) {
        let container = &workload["spec"]["template"]["spec"]["containers"][0];
        let arguments = container["args"].as_array().unwrap().iter();
        let arguments = arguments.map(|argument| argument.as_str().unwrap().replace("$(POD_IP)", "192.0.2.1"));
        let mut daemon = Command::new(env!("CARGO_BIN_EXE_dayu"));
        daemon.args(arguments).args(["--kubeconfig", "/nowhere/kubeconfig"]).env("NODE_NAME", "edge1");
        let output = daemon.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        // It comes as far as looking for the API: a wrong argument would have ended it before, with another code.
        assert_eq!(output.status.code(), Some(1), "{}: {said}", container["name"]);
        assert!(said.contains("/nowhere/kubeconfig"), "{}: {said}", container["name"]);
    }
}

#[test]
fn no_role_reads_secrets_or_grants_what_it_does_not_name() {
    let manifests = manifests();
    let roles: Vec<_> = of_kind(&manifests, "ClusterRole").chain(of_kind(&manifests, "Role")).collect();
    assert_eq!(roles.len(), 5);
    for role in roles {
        let rules = role["rules"].to_string();
        for forbidden in ["\"*\"", "\"secrets\"", "\"configmaps\"", "\"pods/exec\"", "\"escalate\"", "\"impersonate\""]
        {
            assert!(!rules.contains(forbidden), "{} grants {forbidden}: {rules}", role["metadata"]["name"]);
        }
    }
}

#[test]
fn preflight_checks_find_a_local_manager_and_a_mesh_on_each_device() {
    let manifests = manifests();
    let labels = |name: &str| {
        let workload = of_kind(&manifests, "DaemonSet").find(|workload| workload["metadata"]["name"] == name).unwrap();
        workload["spec"]["template"]["metadata"]["labels"].clone()
    };
    assert_eq!(labels("dayu-lm")["sedna"], "lc");
    assert_eq!(labels("dayu-mesh")["k8s-app"], "kubeedge");
    assert_eq!(labels("dayu-mesh")["kubeedge"], "edgemesh-agent");
}

#[test]
fn no_container_may_more_than_it_says() {
    let manifests = manifests();
    for workload in workloads(&manifests) {
        let container = &workload["spec"]["template"]["spec"]["containers"][0];
        let security = &container["securityContext"];
        assert_eq!(security["allowPrivilegeEscalation"], false, "{}", container["name"]);
        assert_eq!(security["readOnlyRootFilesystem"], true, "{}", container["name"]);
        assert_eq!(security["capabilities"]["drop"], serde_json::json!(["ALL"]), "{}", container["name"]);
        assert!(container["resources"]["limits"]["memory"].is_string(), "{}", container["name"]);
    }
}

#[test]
fn the_chart_brings_the_definitions_of_this_program() {
    let output = Command::new(env!("CARGO_BIN_EXE_dayu")).arg("crds").output().unwrap();
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/helm/dayu/crds/dayu.yaml");
    let stored = std::fs::read(chart).unwrap();
    assert!(output.stdout == stored, "run deploy/render and commit what it writes");
}
