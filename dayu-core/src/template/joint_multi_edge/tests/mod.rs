mod children;
mod mounts;
mod status;

use std::sync::Arc;

use serde_json::{Value, json};

use super::JointMultiEdgeTemplate;
use crate::{
    api::JointMultiEdgeService,
    name::Device,
    template::{Plan, Rejection, Site, Template},
};

fn service(spec: Value) -> JointMultiEdgeService {
    named("det", spec)
}

fn named(name: &str, spec: Value) -> JointMultiEdgeService {
    let mut service = json!({
        "apiVersion": "sedna.io/v1alpha1",
        "kind": "JointMultiEdgeService",
        "metadata": {"name": name, "namespace": "lab", "uid": "uid-joint", "generation": 3},
    });
    service["spec"] = spec;
    serde_json::from_value(service).unwrap()
}

/// A worker with one container on `node`; on any when that is empty.
fn worker(node: &str) -> Value {
    json!({"template": {"spec": {"nodeName": node, "containers": [{"name": "a", "image": "example/a:1"}]}}})
}

fn site() -> Site {
    let devices = ["edge-1", "edge-2", "cloud.kubeedge"];
    Site {
        devices: Arc::new(devices.iter().map(|name| (Device::from(*name), Default::default())).collect()),
        local_manager: "http://127.0.0.1:9100".to_owned(),
    }
}

fn plan(spec: Value) -> Result<Plan, Rejection> {
    JointMultiEdgeTemplate.plan(&service(spec), &site())
}

/// The pods that are planned, in order.
fn pods(spec: Value) -> Vec<Value> {
    let plan = plan(spec).unwrap();
    plan.workers.iter().map(|worker| serde_json::to_value(&worker.deployment.spec.template.spec).unwrap()).collect()
}

/// The plan of `spec` is refused at `field` with a message that contains all of `says`.
#[track_caller]
fn refuses(spec: Value, field: &str, says: &[&str]) {
    let rejection = plan(spec).unwrap_err();
    assert_eq!(rejection.field, field, "{rejection}");
    assert!(says.iter().all(|says| rejection.message.contains(says)), "{rejection}");
    assert!(!rejection.remedy.is_empty());
}
