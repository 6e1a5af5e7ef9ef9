//! GET of one object and of collections.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::ApiError;
use super::query::{ListOptions, VersionMatch};
use crate::registry::Kind;
use crate::schema::Cause;
use crate::store::{EVENTS, Object, Snapshot, Store};

/// One page of a collection.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) objects: Vec<Arc<Object>>,
    pub(crate) metadata: Value,
}

/// Where the next page begins, and as of which version. Opaque to clients.
#[derive(Serialize, Deserialize)]
struct Continuation {
    version: u64,
    namespace: String,
    name: String,
}

pub(crate) fn page(
    store: &Store,
    kind: &Kind,
    namespace: Option<&str>,
    options: &ListOptions,
) -> Result<Page, ApiError> {
    check_fields(kind, options)?;
    let from = options.continuation.as_deref().map(decode).transpose()?;
    let Snapshot { mut objects, resource_version } = snapshot(store, kind, namespace, options, from.as_ref())?;
    if let Some(from) = &from {
        objects.retain(|object| (&*object.meta.namespace, &*object.meta.name) > (&*from.namespace, &*from.name));
    }
    let selective = !options.labels.is_empty() || !options.fields.is_empty();
    if selective {
        objects.retain(|object| matches(options, object));
    }
    let mut metadata = json!({ "resourceVersion": resource_version.to_string() });
    if kind.custom().is_some() {
        metadata["continue"] = "".into();
    }
    if let Some(limit) = options.limit.filter(|limit| *limit < objects.len()) {
        let remaining = objects.len() - limit;
        objects.truncate(limit);
        if let Some(last) = objects.last() {
            metadata["continue"] = encode(last, resource_version).into();
        }
        if !selective {
            metadata["remainingItemCount"] = remaining.into();
        }
    }
    Ok(Page { objects, metadata })
}

pub(crate) fn matches(options: &ListOptions, object: &Object) -> bool {
    options.labels.matches(object) && options.fields.matches(object)
}

fn snapshot(
    store: &Store,
    kind: &Kind,
    namespace: Option<&str>,
    options: &ListOptions,
    from: Option<&Continuation>,
) -> Result<Snapshot, ApiError> {
    let resource = &kind.resource;
    if let Some(from) = from {
        if options.version.is_some_and(|version| version != 0) {
            return Err(ApiError::bad_request("specifying resource version is not allowed when using continue"));
        }
        return store.list_at(resource, namespace, from.version).map_err(|_| {
            ApiError::expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new \
                 list without the continue parameter.",
            )
        });
    }
    match (options.version, options.version_match) {
        (None, Some(_)) => Err(mismatched("resourceVersionMatch is forbidden unless resourceVersion is provided")),
        (Some(0), Some(VersionMatch::Exact)) => {
            Err(mismatched("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""))
        }
        (Some(version), _) if version > store.version() => Err(ApiError::version_too_large(version, store.version())),
        (Some(version), Some(VersionMatch::Exact)) => Ok(store.list_at(resource, namespace, version)?),
        _ => Ok(latest(store, kind, namespace, options)),
    }
}

fn mismatched(why: &str) -> ApiError {
    ApiError::options("ListOptions", Cause::forbidden("resourceVersionMatch", why))
}

/// Clients often follow a single object: then there is nothing to search.
pub(crate) fn latest(store: &Store, kind: &Kind, namespace: Option<&str>, options: &ListOptions) -> Snapshot {
    match (options.fields.name(), namespace) {
        (Some(name), Some(namespace)) => store.list_one(&kind.resource, namespace, name),
        (Some(name), None) if !kind.namespaced => store.list_one(&kind.resource, "", name),
        _ => store.list(&kind.resource, namespace),
    }
}

/// A list is its items' bytes, one after the other.
pub(crate) fn encode_list(kind: &Kind, page: &Page) -> Bytes {
    let items: usize = page.objects.iter().map(|object| object.json.len() + 1).sum();
    let mut list = BytesMut::with_capacity(items + 256);
    let head = format!(
        r#"{{"kind":"{}","apiVersion":"{}","metadata":{},"items":["#,
        kind.list_kind,
        kind.api_version(),
        page.metadata
    );
    list.put(head.as_bytes());
    for (index, object) in page.objects.iter().enumerate() {
        if index > 0 {
            list.put_u8(b',');
        }
        list.put(kind.bytes(object));
    }
    list.put(&b"]}"[..]);
    list.freeze()
}

/// Refuses fields that objects of the kind cannot be selected by.
pub(crate) fn check_fields(kind: &Kind, options: &ListOptions) -> Result<(), ApiError> {
    let Some(path) = options.fields.paths().find(|path| !selectable(kind, path)) else { return Ok(()) };
    let special = kind.custom().is_some() || kind.resource == EVENTS || !own_fields(kind).is_empty();
    Err(ApiError::bad_request(if special {
        format!("field label not supported: {path}")
    } else {
        format!("\"{path}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
    }))
}

/// What Kubernetes can select objects of a kind by.
fn selectable(kind: &Kind, path: &str) -> bool {
    if matches!(path, "metadata.name" | "metadata.namespace") {
        return true;
    }
    if let Some(custom) = kind.custom() {
        let declared = custom.declared["selectableFields"].as_array().into_iter().flatten();
        return declared.filter_map(|field| field["jsonPath"].as_str()).any(|declared| declared == format!(".{path}"));
    }
    own_fields(kind).contains(&path) || kind.resource == EVENTS && event_field(path)
}

fn own_fields(kind: &Kind) -> &'static [&'static str] {
    match (kind.resource.group(), kind.plural()) {
        ("", "pods") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        ("", "nodes") => &["spec.unschedulable"],
        ("", "namespaces") => &["status.phase"],
        ("", "secrets") => &["type"],
        ("", "services") => &["spec.clusterIP", "spec.type"],
        ("", "replicationcontrollers") | ("apps", "replicasets") => &["status.replicas"],
        ("batch", "jobs") => &["status.successful"],
        _ => &[],
    }
}

fn event_field(path: &str) -> bool {
    let object = path.strip_prefix("involvedObject.").or_else(|| path.strip_prefix("regarding."));
    match object {
        Some(field) => {
            matches!(field, "kind" | "namespace" | "name" | "uid" | "apiVersion" | "resourceVersion" | "fieldPath")
        }
        None => matches!(path, "reason" | "reportingComponent" | "reportingController" | "source" | "type"),
    }
}

fn encode(last: &Object, version: u64) -> String {
    let token =
        Continuation { version, namespace: last.meta.namespace.as_ref().into(), name: last.meta.name.as_ref().into() };
    BASE64.encode(serde_json::to_vec(&token).unwrap_or_default())
}

fn decode(token: &str) -> Result<Continuation, ApiError> {
    let bytes = BASE64.decode(token).ok();
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(|| {
        ApiError::bad_request("invalid continue token: continue key is not valid: start a new list without it")
    })
}
