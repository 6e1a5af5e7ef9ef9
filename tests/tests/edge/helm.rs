//! The chart in Helm's own hands: installed, changed and removed by the commands of its documentation.
use std::process::Command;

use serde_json::Value;
use xtask::kube::skip;

use crate::{
    http::Ask,
    manifests::runtime_service,
    site::{Site, alone, eventually},
};

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/helm/dayu");
const DEFINITIONS: [&str; 2] = ["runtimeservices.sedna.io", "jointmultiedgeservices.sedna.io"];
/// Everything cluster-wide that an installation brings.
const CLUSTER_WIDE: &str =
    "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings,crds";

#[test]
fn the_chart_is_installed_changed_and_removed() {
    let Some((site, _alone)) = alone() else { return };
    if Command::new("helm").arg("version").output().is_err() {
        return skip("there is no helm in the PATH");
    }
    site.uninstall();
    helm(site, &["install", "dayu", CHART, "--create-namespace"]);
    site.rolled_out();
    works(site, "installed");

    changed_for_kubeedge(site);
    let refused = site.helm(&["upgrade", "dayu", CHART, "--set", "mesh.policy=best"]).unwrap_err();
    assert!(refused.contains("policy") && refused.contains("p2c"), "{refused}");

    helm(site, &["uninstall", "dayu", "--wait"]);
    site.kubectl(&[&["delete", "crd"], &DEFINITIONS[..]].concat());
    site.kubectl(&["delete", "namespace", "dayu-system"]);
    assert_eq!(left(site), Vec::<String>::new());
    let gone = || {
        let children = site.get(&["deployments,services,pods", "-n", "changed"]);
        let count = children["items"].as_array().unwrap().len();
        if count == 0 { Ok(()) } else { Err(format!("{count} children are left")) }
    };
    eventually("the workers of definitions that are gone", gone);
    site.install();
}

/// On a device like KubeEdge's, where the Service `kubernetes` leads nowhere.
fn changed_for_kubeedge(site: &Site) {
    let (kubernetes, _) = site.service("default", "kubernetes");
    let kubernetes = kubernetes.ip().to_string();
    let url = site.kubectl(&["config", "view", "--minify", "--output", "jsonpath={.clusters[0].cluster.server}"]);
    let server = url.strip_prefix("https://").unwrap();
    let (gateway, _) = server.split_once(':').unwrap();
    let route = |arguments: &[&str]| {
        let output = site.node("edge2").command("ip").arg("route").args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    route(&["delete", &kubernetes]);
    let server = format!("devices.apiServer={server}");
    let manager = r"gm.nodeSelector.kubernetes\.io/hostname=edge1";
    helm(site, &["upgrade", "dayu", CHART, "--set", &server, "--set", "gm.replicas=1", "--set", manager]);
    site.rolled_out();
    works(site, "changed");
    route(&["add", &kubernetes, "via", gateway]);
}

fn helm(site: &Site, arguments: &[&str]) {
    site.helm(arguments).unwrap_or_else(|said| panic!("helm {arguments:?}: {said}"));
}

/// A worker is activated and reached, which takes all three daemons.
fn works(site: &Site, namespace: &str) {
    site.kubectl(&["create", "namespace", namespace]);
    site.apply(&runtime_service(namespace, "worker", "edge2", 1));
    site.wait(namespace, "runtimeservice/worker", "condition=Ready");
    let (address, _) = site.service(namespace, "worker");
    let answer = eventually("the worker", || site.ask("edge1", &Ask::get(address, "/health")));
    assert_eq!(answer["device"], "edge2");
}

/// The cluster-wide objects that still bear the product's name or kinds.
fn left(site: &Site) -> Vec<String> {
    let all = site.get(&[CLUSTER_WIDE]);
    let named = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
    let names = all["items"].as_array().unwrap().iter().map(named);
    names.filter(|name| name.contains("dayu") || DEFINITIONS.contains(&name.as_str())).collect()
}
