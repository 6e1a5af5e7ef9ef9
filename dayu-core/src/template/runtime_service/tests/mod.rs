mod plan;
mod rejection;
mod status;

use std::sync::Arc;

use serde_json::{Value, json};

use super::RuntimeServiceTemplate;
use crate::{
    api::RuntimeService,
    name::Device,
    template::{DeviceState, Plan, Rejection, Site, Template},
};

/// A valid service with an endpoint on `edge-1`, after `change`.
fn service(change: impl FnOnce(&mut Value)) -> RuntimeService {
    let mut value = json!({
        "apiVersion": "sedna.io/v1alpha1",
        "kind": "RuntimeService",
        "metadata": {"name": "det-edge1-r2", "namespace": "lab", "uid": "uid-rts", "generation": 4},
        "spec": {
            "installID": "lab",
            "deploymentRevision": 2,
            "component": "processor",
            "logicalService": "cars/all",
            "targetNode": "edge-1",
            "podTemplate": {
                "metadata": {"labels": {"app": "det"}, "annotations": {"note": "x"}},
                "spec": {"containers": [
                    {"name": "det", "image": "example/det:1", "env": [{"name": "A", "value": "1"}],
                        "ports": [{"containerPort": 9000}]},
                ]},
            },
            "endpoint": {"port": 9000},
        },
    });
    change(&mut value);
    serde_json::from_value(value).unwrap()
}

fn site(devices: &[&str]) -> Site {
    let ready = DeviceState { ready: true, ..Default::default() };
    let devices = devices.iter().map(|name| (Device::from(*name), ready.clone())).collect();
    Site { devices: Arc::new(devices), ..Default::default() }
}

fn plan(service: &RuntimeService) -> Result<Plan, Rejection> {
    RuntimeServiceTemplate.plan(service, &site(&["edge-1", "cloud.kubeedge"]))
}
