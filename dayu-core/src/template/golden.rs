//! Both templates against what Sedna's manager really made, when `DAYU_SAMPLES` names a directory that holds its input
//! (`golden/input.yaml`) and its children (`golden/children.json`).
use std::{collections::BTreeMap, path::Path, sync::Arc};

use kube::ResourceExt;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{
    Plan, Rejection, Site, Template, joint_multi_edge::JointMultiEdgeTemplate, runtime_service::RuntimeServiceTemplate,
};
use crate::name::Device;

const UID: &str = "<uid>";

#[test]
fn children_are_those_of_sedna() {
    let Ok(samples) = std::env::var("DAYU_SAMPLES") else {
        eprintln!("skipped: DAYU_SAMPLES does not name a directory of samples");
        return;
    };
    let read = |name: &str| std::fs::read_to_string(Path::new(&samples).join("golden").join(name)).unwrap();
    let theirs: Vec<Value> = serde_json::from_str(&read("children.json")).unwrap();
    let (mut mine, mut rejected) = (Vec::new(), Vec::new());
    for document in serde_saphyr::from_multiple::<Value>(&read("input.yaml")).unwrap() {
        let name = document["metadata"]["name"].as_str().unwrap().to_owned();
        match plan(document) {
            Ok(plan) => mine.extend(children(&plan)),
            Err(rejection) => rejected.push((name, rejection)),
        }
    }
    let reasons: BTreeMap<_, _> = rejected.iter().map(|(name, rejection)| (name.as_str(), rejection.reason)).collect();
    assert_eq!(reasons, BTreeMap::from([("bad-node", "NodeNotFound"), ("bad-port", "InvalidSpec")]));
    let count = theirs.len();
    let (mine, theirs) = (keyed(mine), keyed(theirs));
    assert_eq!(theirs.len(), count, "no two children have one key");
    assert_eq!(mine.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    let differences: Vec<_> = theirs.iter().flat_map(|(key, golden)| differences(key, golden, &mine[key])).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn plan(document: Value) -> Result<Plan, Rejection> {
    let devices = ["edge1", "edge5", "edgexn8", "edgexn11", "edgexn12", "cloud.kubeedge"];
    let site = Site {
        devices: Arc::new(devices.iter().map(|name| (Device::from(*name), Default::default())).collect()),
        local_manager: "http://127.0.0.1:19100".to_owned(),
    };
    match document["kind"].as_str() {
        Some("RuntimeService") => RuntimeServiceTemplate.plan(&stored(document), &site),
        _ => JointMultiEdgeTemplate.plan(&stored(document), &site),
    }
}

/// The resource as an API server would have stored it.
fn stored<R: DeserializeOwned + ResourceExt>(mut document: Value) -> R {
    document["metadata"]["uid"] = json!(UID);
    default_protocols(&mut document);
    serde_json::from_value(document).unwrap()
}

fn default_protocols(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for port in object.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
                port.as_object_mut().unwrap().entry("protocol").or_insert(json!("TCP"));
            }
            object.values_mut().for_each(default_protocols);
        }
        Value::Array(items) => items.iter_mut().for_each(default_protocols),
        _ => {}
    }
}

fn children(plan: &Plan) -> Vec<Value> {
    let deployments = plan.workers.iter().map(|worker| serde_json::to_value(&worker.deployment).unwrap());
    deployments.chain(plan.services.iter().map(|service| serde_json::to_value(service).unwrap())).collect()
}

/// Children by kind, name without its suffix, and device.
fn keyed(children: Vec<Value>) -> BTreeMap<String, Value> {
    let key = |child: &Value| {
        let name = child["metadata"]["name"].as_str().unwrap();
        let name = name.split_once("worker-").map_or(name, |(name, _)| name);
        format!("{} {name} {}", child["kind"], child["spec"]["template"]["spec"]["nodeName"])
    };
    children.into_iter().map(normal).map(|child| (key(&child), child)).collect()
}

/// The form in which two managers' children are equal: with the server's defaults, and a pin as a node's name.
fn normal(mut child: Value) -> Value {
    default(&mut child["metadata"], json!({"annotations": {}, "labels": {}}));
    for left_to_us in ["namespace", "ownerReferences"] {
        child["metadata"].as_object_mut().unwrap().remove(left_to_us);
    }
    let spec = &mut child["spec"];
    spec.as_object_mut().unwrap().remove("sessionAffinity");
    if spec.get("template").is_none() {
        return child;
    }
    let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}});
    default(spec, json!({"progressDeadlineSeconds": 600, "revisionHistoryLimit": 10, "strategy": rolling}));
    pod(&mut spec["template"]["spec"]);
    child
}

fn pod(pod: &mut Value) {
    let pin = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0";
    if let Some(pin) = pod.pointer(pin).cloned() {
        assert_eq!((&pin["key"], &pin["operator"]), (&json!("metadata.name"), &json!("In")));
        pod["nodeName"] = pin["values"][0].clone();
        pod.as_object_mut().unwrap().retain(|key, _| key != "affinity" && key != "tolerations");
    }
    if let Some(account) = pod.get("serviceAccountName").cloned() {
        pod["serviceAccount"] = account;
    }
    default(
        pod,
        json!({"dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
            "securityContext": {}, "terminationGracePeriodSeconds": 30}),
    );
    for volume in pod.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten() {
        default(&mut volume["hostPath"], json!({"type": ""}));
    }
    for list in ["containers", "initContainers"] {
        pod.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten().for_each(container);
    }
}

fn container(container: &mut Value) {
    let latest = container["image"].as_str().unwrap().ends_with(":latest");
    default(
        container,
        json!({"imagePullPolicy": if latest { "Always" } else { "IfNotPresent" }, "resources": {},
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}),
    );
    // The Go manager adds its own in random order; equal names keep theirs.
    if let Some(env) = container.get_mut("env").and_then(Value::as_array_mut) {
        env.sort_by_key(|variable| variable["name"].as_str().unwrap().to_owned());
    }
}

fn default(object: &mut Value, defaults: Value) {
    let Value::Object(defaults) = defaults else { unreachable!() };
    let object: &mut Map<String, Value> = object.as_object_mut().unwrap();
    for (key, value) in defaults {
        object.entry(key).or_insert(value);
    }
}

/// What differs, but for labels and annotations that only we set.
fn differences(path: &str, golden: &Value, mine: &Value) -> Vec<String> {
    match (golden, mine) {
        (Value::Object(golden), Value::Object(mine)) => {
            let ours = ["labels", "annotations", "matchLabels"].iter().any(|ours| path.ends_with(ours));
            let names = golden.keys().chain(mine.keys().filter(|key| !ours && !golden.contains_key(*key)));
            names
                .filter(|name| !path.ends_with("metadata") || *name != "name")
                .flat_map(|name| {
                    let none = Value::Null;
                    let (golden, mine) = (golden.get(name).unwrap_or(&none), mine.get(name).unwrap_or(&none));
                    differences(&format!("{path}.{name}"), golden, mine)
                })
                .collect()
        }
        (Value::Array(golden), Value::Array(mine)) if golden.len() == mine.len() => {
            let pairs = golden.iter().zip(mine).enumerate();
            pairs.flat_map(|(index, (golden, mine))| differences(&format!("{path}[{index}]"), golden, mine)).collect()
        }
        _ if golden == mine => Vec::new(),
        _ => vec![format!("{path}: {golden} -> {mine}")],
    }
}
