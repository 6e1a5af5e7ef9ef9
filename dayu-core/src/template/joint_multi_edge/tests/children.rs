use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{JointMultiEdgeTemplate, named, plan, pods, refuses, service, site, worker};
use crate::{
    api::env,
    template::{Rejection, Site, Slot, Template},
};

fn deployments(spec: Value) -> Vec<Value> {
    plan(spec).unwrap().workers.iter().map(|worker| serde_json::to_value(&worker.deployment).unwrap()).collect()
}

fn names(spec: Value) -> Vec<String> {
    deployments(spec).iter().map(|child| child["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_empty_spec_asks_for_nothing() {
    let spec =
        json!({"cloudWorker": {"template": {"metadata": {}, "spec": {"containers": null}}}, "serviceConfig": {}});
    let plan = plan(spec).unwrap();
    assert_eq!((plan.workers.len(), plan.services.len()), (0, 0));
}

#[test]
fn the_cloud_worker_comes_first_and_names_follow_the_pattern() {
    let names =
        names(json!({"edgeWorker": [worker("edge-1"), worker("edge-2")], "cloudWorker": worker("cloud.kubeedge")}));
    let stems: Vec<_> = names.iter().map(|name| name.rsplit_once('-').unwrap()).collect();
    assert_eq!(
        stems.iter().map(|(stem, _)| *stem).collect::<Vec<_>>(),
        ["det-cloudworker", "det-edgeworker", "det-edgeworker"]
    );
    for (_, suffix) in stems {
        assert!(suffix.len() == 5 && suffix.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{suffix}");
    }
}

#[test]
fn names_outlive_edits_of_other_workers() {
    let before = names(json!({"edgeWorker": [worker("edge-1"), worker("edge-2")]}));
    let after = names(json!({"edgeWorker": [worker("edge-2")], "cloudWorker": worker("edge-1")}));
    assert_eq!(after[1], before[1]);
    assert_eq!(before, names(json!({"edgeWorker": [worker("edge-1"), worker("edge-2")]})), "deterministic");
}

#[test]
fn two_workers_on_one_device_do_not_fight_over_pods() {
    let spec = json!({"edgeWorker": [worker("edge-1"), worker("edge-1"), worker("")], "cloudWorker": worker("edge-1")});
    let children = deployments(spec);
    let selectors: BTreeSet<_> = children.iter().map(|child| child["spec"]["selector"].to_string()).collect();
    assert_eq!(selectors.len(), 4);
    let labels = json!({
        "jointmultiedge.sedna.io/name": "det", "kubernetes.io/hostname": "edge-1",
        "jointmultiedge.sedna.io/worker": "edge-1",
    });
    assert_eq!(children[2]["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(children[2]["spec"]["template"]["metadata"]["labels"], labels);
    assert_eq!(children[3]["spec"]["template"]["metadata"]["labels"]["kubernetes.io/hostname"], "");
    assert_eq!(children[3]["spec"]["template"]["spec"].get("affinity"), None, "no device, no pin");
}

#[test]
fn slots_count_workers_of_one_role_on_one_device() {
    let plan = plan(json!({"edgeWorker": [worker("edge-1"), worker("edge-2"), worker("edge-1")]})).unwrap();
    let slots: Vec<_> = plan.workers.iter().map(|worker| &worker.slot).collect();
    let slot = |device: &str, ordinal| Slot { role: "edge".to_owned(), device: Some(device.into()), ordinal };
    assert_eq!(slots, [&slot("edge-1", 0), &slot("edge-2", 0), &slot("edge-1", 1)]);
}

#[test]
fn the_users_metadata_reaches_the_pods() {
    let mut worker = worker("edge-1");
    worker["template"]["metadata"] = json!({"labels": {"team": "x"}, "annotations": {"note": "y"}});
    let children = deployments(json!({"edgeWorker": [worker]}));
    let metadata = &children[0]["spec"]["template"]["metadata"];
    assert_eq!((&metadata["labels"]["team"], &metadata["annotations"]["note"]), (&json!("x"), &json!("y")));
    assert_eq!(children[0]["spec"]["selector"]["matchLabels"].get("team"), None);
}

#[test]
fn parameters_follow_the_users_and_repeat_names() {
    let mut edge = worker("edge-1");
    edge["logLevel"] = json!({"level": "DEBUG"});
    edge["file"] = json!({"path": "/srv/a/x.bin", "paths": ["/srv/b/y.bin", "/srv/a/z.bin", ""]});
    let literal = "{'k': \"v\"}\n";
    edge["template"]["spec"]["containers"][0]["env"] =
        json!([{"name": "LOG_LEVEL", "value": "KEEP"}, {"name": "P", "value": literal}, {"name": "P", "value": "2"}]);
    edge["template"]["spec"]["initContainers"] = json!([{"name": "i"}]);
    let pod = &pods(json!({"edgeWorker": [edge]}))[0];
    assert_eq!(
        pod["containers"][0]["env"],
        json!([
            {"name": "LOG_LEVEL", "value": "KEEP"}, {"name": "P", "value": literal}, {"name": "P", "value": "2"},
            {"name": "NAMESPACE", "value": "lab"}, {"name": "SERVICE_NAME", "value": "det"},
            {"name": "LOG_LEVEL", "value": "DEBUG"}, {"name": "NODE_NAME", "value": "edge-1"},
            {"name": "DATA_PATH_PREFIX", "value": "/home/data"}, {"name": "VOLUME_NUM", "value": "2"},
            {"name": "VOLUME_0", "value": "/srv/a"}, {"name": "VOLUME_1", "value": "/srv/b"},
            {"name": "LC_SERVER", "value": "http://127.0.0.1:9100"},
        ]),
    );
    assert_eq!(pod["initContainers"], json!([{"name": "i"}]), "init containers get neither parameters nor mounts");
    assert_eq!(
        pod["volumes"],
        json!([{"name": "volume0", "hostPath": {"path": "/srv/a"}}, {"name": "volume1", "hostPath": {"path": "/srv/b"}}]),
    );
    assert_eq!(pod["containers"][0]["volumeMounts"][1], json!({"name": "volume1", "mountPath": "/home/data/volume1"}));
}

#[test]
fn a_local_manager_at_the_devices_address_is_found_by_it() {
    let site = Site { local_manager: env::LOCAL_MANAGER.to_owned(), ..site() };
    let plan = JointMultiEdgeTemplate.plan(&service(json!({"edgeWorker": [worker("edge-1")]})), &site).unwrap();
    let pod = serde_json::to_value(&plan.workers[0].deployment.spec.template.spec).unwrap();
    let env = pod["containers"][0]["env"].as_array().unwrap();
    // A reference sees only what stands before it.
    assert_eq!(
        env[env.len() - 2..],
        [
            json!({"name": "LC_HOST", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.hostIP"}}}),
            json!({"name": "LC_SERVER", "value": "http://$(LC_HOST):9100"}),
        ],
    );
}

#[test]
fn a_cloud_worker_has_no_local_manager_and_empty_values_are_bare() {
    let pod = &pods(json!({"cloudWorker": worker("")}))[0];
    let env = pod["containers"][0]["env"].as_array().unwrap();
    assert!(env.contains(&json!({"name": "NODE_NAME"})) && env.contains(&json!({"name": "LOG_LEVEL"})));
    assert!(!env.iter().any(|variable| variable["name"] == "LC_SERVER"));
}

#[test]
fn the_service_spans_all_workers() {
    let spec = json!({"edgeWorker": [worker("edge-1")], "serviceConfig": {"pos": "Both", "port": 9000}});
    let service = serde_json::to_value(&plan(spec).unwrap().services[0]).unwrap();
    assert_eq!(
        service["metadata"],
        json!({"name": "det-both", "labels": {
            "jointmultiedge.sedna.io/name": "det", "jointmultiedge.sedna.io/uid": "uid-joint",
            "jointmultiedge.sedna.io/worker-type": "both", "service.kubernetes.io/service-proxy-name": "",
        }}),
    );
    assert_eq!(
        service["spec"],
        json!({"type": "NodePort", "externalTrafficPolicy": "Cluster", "selector": {"jointmultiedge.sedna.io/name": "det"},
            "ports": [{"name": "tcp-0", "protocol": "TCP", "port": 9000, "targetPort": 9000}]}),
    );
}

#[test]
fn target_port_and_node_port_are_honoured() {
    let spec = json!({"serviceConfig": {"pos": "edge", "port": 80, "targetPort": 9000, "nodePort": 30080}});
    let service = serde_json::to_value(&plan(spec).unwrap().services[0]).unwrap();
    let port = &service["spec"]["ports"][0];
    assert_eq!((&port["targetPort"], &port["nodePort"]), (&json!(9000), &json!(30080)));
}

#[test]
fn a_service_that_cannot_be_is_refused() {
    let config = |config: Value| json!({"edgeWorker": [worker("edge-1")], "serviceConfig": config});
    refuses(config(json!({"port": 9000})), "spec.serviceConfig.pos", &["empty"]);
    refuses(config(json!({"pos": "a_b", "port": 1})), "spec.serviceConfig.pos", &["det-a_b"]);
    refuses(config(json!({"pos": "edge"})), "spec.serviceConfig.port", &["0 is outside 1..65535"]);
    refuses(config(json!({"pos": "edge", "port": 1, "nodePort": 70000})), "spec.serviceConfig.nodePort", &["70000"]);
    let long = "p".repeat(60);
    let rejection = JointMultiEdgeTemplate.plan(&named(&long, config(json!({"pos": "both", "port": 1}))), &site());
    let rejection = rejection.unwrap_err();
    assert!(rejection.message.contains("has 65 characters, the limit is 63"), "{rejection}");
}

#[test]
fn names_that_no_label_can_hold_are_refused() {
    let rejection = JointMultiEdgeTemplate.plan(&named(&"n".repeat(64), json!({})), &site()).unwrap_err();
    assert_eq!((rejection.field.as_str(), rejection.remedy.as_str()), ("metadata.name", "choose a shorter name"));
    let node = format!("edge-{}", "x".repeat(60));
    let mut site = site();
    Arc::make_mut(&mut site.devices).insert(node.as_str().into(), Default::default());
    let rejection = JointMultiEdgeTemplate.plan(&service(json!({"edgeWorker": [worker(&node)]})), &site).unwrap_err();
    assert_eq!(rejection.field, "spec.edgeWorker[0].template.spec.nodeName");
}

#[test]
fn workers_that_cannot_run_are_refused_with_their_place() {
    let node = "spec.edgeWorker[1].template.spec.nodeName";
    refuses(json!({"edgeWorker": [worker("edge-1"), worker("edge-9")]}), node, &["edge-9"]);
    let rejection = plan(json!({"cloudWorker": worker("nowhere")})).unwrap_err();
    assert_eq!(rejection.reason, Rejection::NODE_NOT_FOUND);
    let empty = json!({"edgeWorker": [{"logLevel": {"level": "INFO"}}]});
    refuses(empty, "spec.edgeWorker[0].template.spec.containers", &["empty"]);
    let mut site = site();
    Arc::make_mut(&mut site.devices).insert("Edge.1".into(), Default::default());
    let rejection =
        JointMultiEdgeTemplate.plan(&service(json!({"edgeWorker": [worker("edge-1")]})), &site).unwrap_err();
    assert!(rejection.message.contains("\"edge-1\"") && rejection.message.contains("\"Edge.1\""), "{rejection}");
}

proptest! {
    #[test]
    fn names_and_selectors_are_unique(nodes in prop::collection::vec(prop::sample::select(vec!["", "edge-1", "edge-2"]), 0..40)) {
        let workers: Vec<_> = nodes.iter().map(|node| worker(node)).collect();
        let children = deployments(json!({"edgeWorker": workers}));
        let names: BTreeSet<_> = children.iter().map(|child| child["metadata"]["name"].to_string()).collect();
        let selectors: BTreeSet<_> = children.iter().map(|child| child["spec"]["selector"].to_string()).collect();
        prop_assert_eq!((names.len(), selectors.len()), (nodes.len(), nodes.len()));
    }
}

#[test]
fn the_service_says_how_it_is_balanced_as_the_resource_does() {
    let mut joint = service(json!({"edgeWorker": [worker("edge-1")], "serviceConfig": {"pos": "edge", "port": 9000}}));
    let said = |joint: &_| {
        let plan = JointMultiEdgeTemplate.plan(joint, &site()).unwrap();
        assert_eq!(plan.workers[0].deployment.metadata.annotations, None);
        plan.services[0].metadata.annotations.clone()
    };
    assert_eq!(said(&joint), None, "without, nothing is as it was not");
    let annotations = [("dayu.io/balance", "least-request"), ("dayu.io/spill", "junk"), ("team", "b")];
    joint.metadata.annotations = Some(annotations.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    let inherited = [("dayu.io/balance", "least-request"), ("dayu.io/spill", "junk")];
    assert_eq!(said(&joint), Some(inherited.map(|(key, value)| (key.to_owned(), value.to_owned())).into()));
}
