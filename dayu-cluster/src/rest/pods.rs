//! What only pods have: a log, a binding, eviction.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::Api;
use super::body::{self, ApiBody};
use super::error::ApiError;
use super::query::Query;
use super::read::read;
use super::write::Writer;
use crate::environment::rfc3339;
use crate::store::{DeleteOptions, NODES, Object, PODS, ResourceRef};

/// What a refused binding is about.
static BINDINGS: LazyLock<ResourceRef> = LazyLock::new(|| ResourceRef::new("", "pods/binding"));

/// The log of a container, as its node's kubelet streams it.
pub(super) async fn log(api: &Api, pod: &Object, query: &Query) -> Result<Response<ApiBody>, ApiError> {
    let uri = log_uri(api, pod, query)?;
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(uri.clone()).body(Empty::new()).map_err(ApiError::internal)?;
    let unreachable = |error| ApiError::internal(format!("Get \"{uri}\": {error}"));
    let response = client.request(request).await.map_err(unreachable)?;
    if response.status() != StatusCode::OK {
        let bytes = read(response.into_body()).await?;
        return Err(ApiError::bad_request(String::from_utf8_lossy(&bytes).trim().to_owned()));
    }
    let stream = response.into_body().into_data_stream();
    let stream = futures::TryStreamExt::map_err(stream, Into::into);
    Ok(body::stream("text/plain", stream))
}

fn log_uri(api: &Api, pod: &Object, query: &Query) -> Result<Uri, ApiError> {
    let value = pod.value().map_err(ApiError::internal)?;
    let container = container(&value, query.get("container"))?;
    let node = value["spec"]["nodeName"].as_str().unwrap_or_default();
    if node.is_empty() {
        return Err(ApiError::bad_request(format!("pod {} does not have a host assigned", pod.meta.name)));
    }
    let node = api.store.get(&NODES, "", node).ok_or_else(|| ApiError::not_found(&NODES, node))?;
    let (namespace, name) = (&pod.meta.namespace, &pod.meta.name);
    let mut parameters = form_urlencoded::Serializer::new(String::new());
    for key in ["follow", "previous", "sinceSeconds", "sinceTime", "timestamps", "tailLines", "limitBytes"] {
        if let Some(value) = query.get(key) {
            parameters.append_pair(key, value);
        }
    }
    let kubelet = kubelet(api, &node)?;
    format!("{kubelet}/containerLogs/{namespace}/{name}/{container}?{}", parameters.finish())
        .parse()
        .map_err(ApiError::internal)
}

fn container(pod: &Value, asked: Option<&str>) -> Result<String, ApiError> {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let names: Vec<&str> = ["containers", "initContainers"]
        .iter()
        .flat_map(|field| pod["spec"][field].as_array().into_iter().flatten())
        .filter_map(|container| container["name"].as_str())
        .collect();
    match (asked, names.as_slice()) {
        (Some(asked), names) if names.contains(&asked) => Ok(asked.into()),
        (Some(asked), _) => Err(ApiError::bad_request(format!("container {asked} is not valid for pod {name}"))),
        (None, [only]) => Ok((*only).into()),
        (None, names) => Err(ApiError::bad_request(format!(
            "a container name must be specified for pod {name}, choose one of: [{}]",
            names.join(" ")
        ))),
    }
}

/// Where a node's kubelet listens.
fn kubelet(api: &Api, node: &Object) -> Result<String, ApiError> {
    let value = node.value().map_err(ApiError::internal)?;
    let annotation = &api.config.kubelet_scheme_annotation;
    if value["metadata"]["annotations"][annotation] != "http" {
        let name = &node.meta.name;
        return Err(ApiError::unavailable(format!(
            "logs of node {name} cannot be read: only kubelets that speak plain http are, which a node says by the \
             annotation {annotation}: http"
        )));
    }
    let mut addresses = value["status"]["addresses"].as_array().into_iter().flatten();
    let address = addresses.find(|address| address["type"] == "InternalIP").and_then(|found| found["address"].as_str());
    let port = value["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"].as_u64();
    match (address, port) {
        (Some(address), Some(port)) => Ok(format!("http://{address}:{port}")),
        _ => Err(ApiError::unavailable(format!(
            "node {} reports no InternalIP or no kubelet port in its status",
            node.meta.name
        ))),
    }
}

/// Puts a pod on a node.
pub(super) fn bind(api: &Api, pod: &Object, binding: &Value) -> Result<Response<ApiBody>, ApiError> {
    let node = binding["target"]["name"].as_str().unwrap_or_default().to_owned();
    let now = rfc3339(api.store.environment().now());
    let mut bound_elsewhere = None;
    api.store.edit(&PODS, &pod.meta.namespace, &pod.meta.name, |pod| {
        bound_elsewhere = pod["spec"]["nodeName"].as_str().filter(|bound| !bound.is_empty()).map(str::to_owned);
        if bound_elsewhere.is_some() {
            return;
        }
        pod.leave_generation();
        pod["spec"]["nodeName"] = node.as_str().into();
        let scheduled = json!({ "type": "PodScheduled", "status": "True", "lastTransitionTime": now });
        match pod["status"]["conditions"].as_array_mut() {
            Some(conditions) => {
                conditions.retain(|condition| condition["type"] != "PodScheduled");
                conditions.push(scheduled);
            }
            None => pod["status"]["conditions"] = json!([scheduled]),
        }
    })?;
    match bound_elsewhere {
        None => Ok(success()),
        Some(bound) => {
            let why = format!("pod {} is already assigned to node \"{bound}\"", pod.meta.name);
            Err(ApiError::conflict(&BINDINGS, &pod.meta.name, &why))
        }
    }
}

/// Deletes a pod as its disruption budgets allow; there are no budgets here.
pub(super) fn evict(writer: &Writer, name: &str, eviction: &Value) -> Result<Response<ApiBody>, ApiError> {
    let options: DeleteOptions = match eviction.get("deleteOptions") {
        None | Some(Value::Null) => DeleteOptions::default(),
        Some(options) => serde_json::from_value(options.clone())
            .map_err(|error| ApiError::bad_request(format!("deleteOptions cannot be read: {error}")))?,
    };
    writer.delete(name, options)?;
    Ok(success())
}

fn success() -> Response<ApiBody> {
    let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201 });
    body::value(StatusCode::CREATED, &status)
}
