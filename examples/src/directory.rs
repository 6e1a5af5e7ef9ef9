//! A directory to pick from.
use std::sync::Arc;

use dayu_core::directory::{Change, Directory};
use k8s_openapi::api::{core::v1::Service, discovery::v1::EndpointSlice};
use serde_json::json;

/// A directory with the Service `shop/detector`, port 9000, and so many ready endpoints of it on device `edge1`: 10.0.0.1,
/// 10.0.0.2, …
///
/// # Errors
/// None in truth: the objects are written out here and read as Kubernetes' own.
pub fn detectors(count: u8) -> Result<Arc<Directory>, serde_json::Error> {
    let service: Service = serde_json::from_value(json!({
        "metadata": {"namespace": "shop", "name": "detector", "uid": "s"},
        "spec": {"ports": [{"port": 9000}]},
    }))?;
    let endpoint = |at: u8| json!({"addresses": [format!("10.0.0.{at}")], "nodeName": "edge1"});
    let slice: EndpointSlice = serde_json::from_value(json!({
        "metadata": {"namespace": "shop", "name": "detector-1", "labels": {"kubernetes.io/service-name": "detector"}},
        "addressType": "IPv4",
        "ports": [{"port": 9000}],
        "endpoints": (1..=count).map(endpoint).collect::<Vec<_>>(),
    }))?;
    let directory = Directory::new();
    directory.apply(Change::Service((&service).into()));
    directory.apply(Change::Slice((&slice).into()));
    Ok(Arc::new(directory))
}
