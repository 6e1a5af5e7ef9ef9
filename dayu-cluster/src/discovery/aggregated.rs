//! Everything in one document, for clients that ask for it.
//!
//! A client that is given a version of the document that it did not ask for sees no resources at all, so what `Accept`
//! says is taken word by word.

use serde_json::{Value, json};

use super::Document;
use crate::registry::{Kind, Kinds};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// `/api`
    Core,
    /// `/apis`
    Groups,
}

const V2: (&str, &str) =
    ("apidiscovery.k8s.io/v2", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
const V2BETA1: (&str, &str) =
    ("apidiscovery.k8s.io/v2beta1", "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList");

/// The first form of `accept` that is known; `legacy` where none is.
pub(super) fn respond(kinds: &Kinds, part: Part, accept: &str, legacy: impl FnOnce() -> Value) -> Document {
    match accept.split(',').find_map(form) {
        Some(Some((api_version, content_type))) => {
            let body = list(kinds, part, api_version).to_string().into();
            Document { content_type, body }
        }
        Some(None) | None => Document::json(&legacy()),
    }
}

/// What one entry of `Accept` asks for: `Some(None)` is the legacy form, `None` something unknown.
fn form(entry: &str) -> Option<Option<(&'static str, &'static str)>> {
    let mut parts = entry.split(';').map(str::trim);
    let media_type = parts.next()?;
    if !matches!(media_type, "application/json" | "application/*" | "*/*") {
        return None;
    }
    let (mut group, mut version, mut list) = ("", "", "");
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        match name {
            "g" => group = value,
            "v" => version = value,
            "as" => list = value,
            _ => {}
        }
    }
    match (group, version, list) {
        ("", "", "") => Some(None),
        ("apidiscovery.k8s.io", "v2", "APIGroupDiscoveryList") => Some(Some(V2)),
        ("apidiscovery.k8s.io", "v2beta1", "APIGroupDiscoveryList") => Some(Some(V2BETA1)),
        _ => None,
    }
}

fn list(kinds: &Kinds, part: Part, api_version: &str) -> Value {
    let groups = super::groups(kinds).into_iter().filter(|group| group.is_empty() == (part == Part::Core));
    let items: Vec<Value> = groups.map(|name| group(kinds, name)).collect();
    json!({ "kind": "APIGroupDiscoveryList", "apiVersion": api_version, "metadata": {}, "items": items })
}

fn group(kinds: &Kinds, name: &str) -> Value {
    let versions: Vec<Value> = super::versions(kinds, name)
        .into_iter()
        .map(|version| {
            let here = kinds.iter().filter(|kind| kind.group == name && kind.version == version);
            let resources: Vec<Value> = here.map(|kind| resource(kind)).collect();
            json!({ "version": version, "resources": resources, "freshness": "Current" })
        })
        .collect();
    let metadata = if name.is_empty() { json!({}) } else { json!({ "name": name }) };
    json!({ "metadata": metadata, "versions": versions })
}

fn resource(kind: &Kind) -> Value {
    let mut resource = json!({
        "resource": kind.plural(),
        "responseKind": response_kind(&kind.group, &kind.version, &kind.kind),
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular,
        "verbs": super::verbs(kind),
    });
    super::names(kind, &mut resource);
    let parts: Vec<Value> = super::parts(kind)
        .into_iter()
        .map(|part| {
            json!({
                "subresource": part.name,
                "responseKind": response_kind(part.group, part.version, part.kind),
                "verbs": part.verbs,
            })
        })
        .collect();
    if !parts.is_empty() {
        resource["subresources"] = parts.into();
    }
    resource
}

fn response_kind(group: &str, version: &str, kind: &str) -> Value {
    json!({ "group": group, "version": version, "kind": kind })
}
