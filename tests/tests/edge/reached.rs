//! The example pipeline on two nodes: every worker is reached in every way from each of them, and when it is deleted nothing is.
use dayu_pipeline::{Identity, form, frame};
use serde_json::Value;

use crate::{
    http::Ask,
    manifests::pipeline,
    site::{NODES, Site, eventually, shared},
};

const NAMESPACE: &str = "reached";
const FRONT: u16 = 10552;

fn device(answer: Result<Value, String>) -> String {
    answer.unwrap()["device"].as_str().unwrap().to_owned()
}

#[test]
fn every_worker_is_reached_from_every_node_by_address_port_name_and_header() {
    let Some((site, _shared)) = shared() else { return };
    site.apply(&pipeline(NAMESPACE));
    site.wait(NAMESPACE, "runtimeservice/aggregator", "condition=Ready");
    for resource in ["jointmultiedgeservice/detector", "jointmultiedgeservice/camera"] {
        site.wait(NAMESPACE, resource, "condition=Ready");
    }
    let (aggregator, _) = site.service(NAMESPACE, "aggregator");
    let (detector, node_port) = site.service(NAMESPACE, "detector-both");
    let node_port = node_port.expect("one that is on several devices has a node port");
    let by_name = |from, on| {
        let name = format!("http://{on}.detector-both.{NAMESPACE}.svc:9000/health");
        site.ask(from, &Ask::get(site.at(from, FRONT), name))
    };
    // Ready is what the cluster knows: each mesh hears of it on its own.
    for from in NODES {
        eventually("the aggregator at its cluster address", || site.ask(from, &Ask::get(aggregator, "/health")));
        for on in NODES {
            eventually("each detector by name", || by_name(from, on));
        }
    }
    for from in NODES {
        assert_eq!(device(site.ask(from, &Ask::get(aggregator, "/health"))), "edge1");
        // Where it is on several devices, the cluster address means the one next to the caller.
        assert_eq!(device(site.ask(from, &Ask::get(detector, "/health"))), from);
        for on in NODES {
            assert_eq!(device(site.ask(from, &Ask::get(site.at(on, node_port), "/health"))), on);
            assert_eq!(device(by_name(from, on)), on);
            let header =
                Ask::get(site.at(from, FRONT), "/health").header("Host", format!("detector-both.{NAMESPACE}.svc:9000"));
            assert_eq!(device(site.ask(from, &header.header("x-target-device", on))), on);
        }
    }
    every_worker_is_reached_by_name_from_within_pods(site);
    a_pod_finds_the_directory_of_its_device(site);
    a_request_passes_from_worker_to_worker(site, node_port);
    the_log_of_each_is_read(site);

    site.kubectl(&["delete", "runtimeservice,jointmultiedgeservice", "--all", "-n", NAMESPACE, "--timeout=60s"]);
    for kind in ["deployment", "service", "pod"] {
        let left = || site.get(&[kind, "-n", NAMESPACE])["items"].as_array().unwrap().len();
        eventually(kind, || if left() == 0 { Ok(()) } else { Err(format!("{} are left", left())) });
    }
    for from in NODES {
        for gone in [aggregator, detector, site.at(from, node_port)] {
            let refused = || match site.ask(from, &Ask::get(gone, "/health")) {
                Err(error) if ["refused", "unreachable", "No route"].iter().any(|at_once| error.contains(at_once)) => {
                    Ok(())
                }
                other => Err(format!("{other:?}")),
            };
            eventually("an address that nobody has any more refuses", refused);
        }
        let routes = site.node(from).command("ip").args(["route", "show", "table", "local"]).output().unwrap();
        let routes = String::from_utf8(routes.stdout).unwrap();
        assert!(!routes.contains(&aggregator.ip().to_string()), "{routes}");
    }
}

/// By programs that know nothing of the mesh: the names are resolved as in any pod.
fn every_worker_is_reached_by_name_from_within_pods(site: &Site) {
    let pods = site.get(&["pods", "-n", NAMESPACE]);
    let cameras = pods["items"].as_array().unwrap().iter();
    let cameras: Vec<_> =
        cameras.filter(|pod| pod["metadata"]["name"].as_str().unwrap().starts_with("camera-")).collect();
    assert_eq!(cameras.len(), NODES.len());
    let ask = |from: &Value, name: &str| {
        let url = format!("http://{name}:9000/health");
        let said = site.within(from, "curl", &["-sS", "--noproxy", "*", "--max-time", "10", &url]);
        let answer: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{url}: {said}"));
        answer["device"].as_str().unwrap().to_owned()
    };
    for from in cameras {
        let own = from["spec"]["nodeName"].as_str().unwrap();
        for domain in ["svc", "svc.cluster.local"] {
            assert_eq!(ask(from, &format!("aggregator.{NAMESPACE}.{domain}")), "edge1");
            assert_eq!(ask(from, &format!("detector-both.{NAMESPACE}.{domain}")), own);
            for device in NODES {
                assert_eq!(ask(from, &format!("{device}.detector-both.{NAMESPACE}.{domain}")), device);
            }
        }
        assert_eq!(ask(from, "aggregator"), "edge1", "in one's own namespace its name will do");
    }
}

/// Its network has another loopback than the device's.
fn a_pod_finds_the_directory_of_its_device(site: &Site) {
    let pod = &site.get(&["pods", "-n", NAMESPACE])["items"][0];
    let said = site.within(pod, "curl", &["-sS", "--unix-socket", "/run/dayu/mesh.sock", "http://mesh/v1/devices"]);
    let answer: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
    let names: Vec<&Value> = answer["devices"].as_array().unwrap().iter().map(|device| &device["name"]).collect();
    assert_eq!(names, NODES);
}

/// A detector on one device posts what it found to the aggregator on another, by name, from within its pod.
fn a_request_passes_from_worker_to_worker(site: &Site, node_port: u16) {
    let camera = Identity { device: "edge1".into(), replica: "camera".into(), pid: std::process::id() };
    let (task, pixels) = frame::render(&camera, 1, 64_000);
    let frame = Ask::post(site.at("edge2", node_port), "/frame", form::encode(&task, &pixels));
    let frame = frame.header("Content-Type", form::KIND);
    let found = eventually("a frame that is looked at and passed on", || {
        let found = site.ask("edge1", &frame)?;
        if found["delivered"] == true { Ok(found) } else { Err(found.to_string()) }
    });
    assert_eq!(found["device"], "edge2");
    let summary = Ask::get(site.service(NAMESPACE, "aggregator").0, "/summary");
    let summary = site.ask("edge2", &summary).unwrap();
    assert!(summary["edge2"]["findings"].as_u64() >= Some(1), "{summary}");
}

/// Through its kubelet.
fn the_log_of_each_is_read(site: &Site) {
    let pods = site.get(&["pods", "-n", NAMESPACE]);
    let pods = pods["items"].as_array().unwrap();
    assert_eq!(pods.len(), 7, "an aggregator, four detectors, two cameras");
    for pod in pods {
        site.kubectl(&["-n", NAMESPACE, "logs", pod["metadata"]["name"].as_str().unwrap()]);
    }
}
