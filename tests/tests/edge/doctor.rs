//! `dayu doctor` and `dayu explain` on a real installation, well and harmed: each cause is named with its remedy, and told no
//! more when it is mended.
use std::net::TcpListener;

use serde_json::json;

use crate::{
    manifests::runtime_service,
    site::{Site, alone, eventually, shared},
};

/// Waits until the doctor says all of `expected`.
fn says(site: &Site, expected: &[&str]) {
    eventually("the doctor", || {
        let said = site.dayu("edge1", &["doctor"]);
        match expected.iter().find(|text| !said.contains(**text)) {
            None => Ok(()),
            Some(missing) => Err(format!("no {missing:?} in:\n{said}")),
        }
    });
}

fn says_that_all_is_well(site: &Site) {
    says(site, &["no fault found", "knows all routes and listens for each"]);
}

#[test]
fn what_is_wrong_with_a_device_or_a_resource_is_named() {
    let Some((site, _alone)) = alone() else { return };
    says_that_all_is_well(site);
    an_address_is_taken(site);
    says_that_all_is_well(site);

    site.apply(&runtime_service("default", "astray", "edge9", 1));
    let nowhere = runtime_service("default", "unpullable", "edge1", 1).replace("aggregator:v1", "nowhere:v1");
    site.apply(&nowhere);
    // Another manager, from an installation that was forgotten.
    site.kubectl(&["run", "forgotten", "--image=registry.k8s.io/pause:3.10", "--labels=sedna=gm"]);
    says(site, &["runtimeservice/astray in default", "edge9", "-> correct the device's name"]);
    says(site, &["runtimeservice/unpullable in default", "-> look at the worker"]);
    says(site, &["default/forgotten", "another global manager", "-> let one of the two go"]);
    site.kubectl(&["delete", "runtimeservice", "astray", "unpullable"]);
    site.kubectl(&["delete", "pod", "forgotten", "--grace-period=1"]);
    says_that_all_is_well(site);
    rules_outlive_a_mesh(site);
}

/// As an agent of EdgeMesh leaves them.
fn rules_outlive_a_mesh(site: &Site) {
    let iptables = |arguments: &str| {
        let mut command = site.node("edge1").command("iptables-nft");
        let output = command.args(["-w", "-t", "nat"]).args(arguments.split(' ')).output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    };
    iptables("-N KUBE-PORTALS-HOST");
    iptables("-A KUBE-PORTALS-HOST -d 10.77.7.7 -p tcp --dport 9 -j DNAT --to-destination 169.254.96.16:37777");
    says(site, &["rules of an earlier mesh (1)", "-> remove them: `iptables-nft -t nat -F KUBE-PORTALS-HOST`"]);
    iptables("-F KUBE-PORTALS-HOST");
    says_that_all_is_well(site);
}

/// By something else on a device, that a mesh needs there.
fn an_address_is_taken(site: &Site) {
    let node = site.node("edge1");
    let taken = std::thread::scope(|scope| {
        let taken = scope.spawn(|| {
            node.enter().unwrap();
            TcpListener::bind((node.address(), 31_999)).unwrap()
        });
        taken.join().unwrap()
    });
    site.apply(
        "{apiVersion: v1, kind: Service, metadata: {name: clash, namespace: default},
          spec: {type: NodePort, selector: {app: none}, ports: [{port: 80, nodePort: 31999}]}}",
    );
    says(site, &["cannot listen on 10.89.1.1:31999 for default/clash", "-> free the address", "sport = :31999"]);
    drop(taken);
    says_that_all_is_well(site);
    site.kubectl(&["delete", "service", "clash"]);
}

#[test]
fn what_is_wrong_with_the_installation_is_named() {
    let Some((site, _alone)) = alone() else { return };
    let system = |arguments: &[&str]| site.kubectl(&[&["-n", "dayu-system"], arguments].concat());
    // A release that no device can pull.
    system(&["set", "image", "daemonset/dayu-mesh", "mesh=registry.invalid/dayu:none"]);
    says(site, &["mesh on edge", "Image", "-> let the device reach the registry"]);
    system(&["rollout", "undo", "daemonset/dayu-mesh"]);
    says(site, &["no fault found"]);

    // A mesh that answers for names where no pod asks it.
    let arguments = site.get(&["-n", "dayu-system", "daemonset", "dayu-mesh"]);
    let arguments = arguments["spec"]["template"]["spec"]["containers"][0]["args"].as_array().unwrap().iter();
    let elsewhere: Vec<_> = arguments.map(|one| one.as_str().unwrap().replace("96.16:53", "96.17:53")).collect();
    let path = "/spec/template/spec/containers/0/args";
    let patch = json!([{"op": "replace", "path": path, "value": elsewhere}]).to_string();
    system(&["patch", "daemonset", "dayu-mesh", "--type=json", "-p", &patch]);
    says(site, &["its pods ask 169.254.96.16 for names", "-> let the configuration of its kubelet"]);
    system(&["rollout", "undo", "daemonset/dayu-mesh"]);
    says(site, &["its pods ask the mesh for names"]);

    // A device that neither daemon is let onto.
    for daemon in ["dayu-lm", "dayu-mesh"] {
        let selector = r#"{"spec":{"template":{"spec":{"nodeSelector":{"kubernetes.io/hostname":"edge1"}}}}}"#;
        system(&["patch", "daemonset", daemon, "-p", selector]);
    }
    says(site, &["mesh on edge2", "lm on edge2", "is not there", "-> does a taint or a node selector keep it away?"]);
    // Nobody leads.
    system(&["scale", "deployment", "dayu-gm", "--replicas=0"]);
    says(site, &["none leads"]);
    // Nobody holds a local manager to its own device.
    says(site, &["each daemon is held to what is its own"]);
    site.kubectl(&["delete", "validatingadmissionpolicybinding", "dayu-lm-own-events"]);
    says(site, &["dayu-lm-own-events", "is not bound", "-> install deploy/dayu.yaml"]);

    for daemon in ["dayu-lm", "dayu-mesh"] {
        let nothing = r#"[{"op":"remove","path":"/spec/template/spec/nodeSelector"}]"#;
        system(&["patch", "daemonset", daemon, "--type=json", "-p", nothing]);
    }
    system(&["scale", "deployment", "dayu-gm", "--replicas=2"]);
    site.install();
    says_that_all_is_well(site);
}

#[test]
fn a_mesh_explains_where_a_request_on_its_device_would_go() {
    let Some((site, _shared)) = shared() else { return };
    site.kubectl(&["create", "namespace", "explained"]);
    site.apply(&runtime_service("explained", "worker", "edge1", 1));
    site.wait("explained", "runtimeservice/worker", "condition=Ready");
    let said = site.dayu("edge1", &["explain", "worker", "-n", "explained", "--device", "edge1"]);
    assert!(said.contains("worker-") && said.contains("edge1"), "{said}");
    let elsewhere = site.dayu("edge2", &["explain", "worker", "-n", "explained", "--from", "edge1"]);
    assert!(elsewhere.contains("10.89.1.1:10551") && elsewhere.contains("ask there"), "{elsewhere}");
    site.kubectl(&["annotate", "service", "-n", "explained", "--all", "dayu.io/balance=fastest"]);
    says(site, &["no balancing policy \"fastest\"", "-> correct dayu.io/balance there"]);
    site.kubectl(&["delete", "runtimeservice", "worker", "-n", "explained"]);
}
