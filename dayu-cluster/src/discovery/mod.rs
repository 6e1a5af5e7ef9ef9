//! What is served, told to clients: groups, versions, resources ([`legacy`] and [`aggregated`]) and schemas
//! ([`openapi`]; for older clients [`swagger`] and [`gnostic`]).
//!
//! Documents are made when they are asked for. Those with schemas are kept until the kinds that are in them change.

mod aggregated;
mod gnostic;
mod legacy;
mod openapi;
mod schemas;
mod swagger;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::registry::{Kind, Kinds, Origin};
use crate::store::{NAMESPACES, PODS};

pub(crate) use openapi::Schemas;

/// A document with its media type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    pub content_type: &'static str,
    pub body: Bytes,
}

impl Document {
    fn json(value: &Value) -> Self {
        Self { content_type: "application/json", body: value.to_string().into() }
    }
}

/// The document at a path, in the form that `accept` asks for; `None` where nothing is discovered.
pub(crate) fn respond(kinds: &Kinds, schemas: &Schemas, path: &str, accept: &str) -> Option<Document> {
    let path = path.trim_end_matches('/');
    let mut parts = path.split('/').skip(1);
    let value = match (parts.next()?, parts.next(), parts.next(), parts.next()) {
        ("api", None, ..) => aggregated::respond(kinds, aggregated::Part::Core, accept, legacy::core),
        ("apis", None, ..) => aggregated::respond(kinds, aggregated::Part::Groups, accept, || legacy::groups(kinds)),
        ("api", Some(version), None, _) => Document::json(&legacy::resources(kinds, "", version)?),
        ("apis", Some(group), None, _) => Document::json(&legacy::group(kinds, group)?),
        ("apis", Some(group), Some(version), None) => Document::json(&legacy::resources(kinds, group, version)?),
        ("openapi", Some("v2"), None, _) => schemas.second(kinds, accept),
        ("openapi", Some("v3"), None, _) => schemas.index(kinds),
        ("openapi", Some("v3"), Some(_), _) => schemas.document(kinds, path.strip_prefix("/openapi/v3/")?)?,
        _ => return None,
    };
    Some(value)
}

/// All groups in the order of their kinds, the core group as "".
fn groups(kinds: &Kinds) -> Vec<&str> {
    let mut groups: Vec<&str> = Vec::new();
    for kind in kinds.iter() {
        if !groups.contains(&kind.group.as_str()) {
            groups.push(&kind.group);
        }
    }
    groups
}

/// The versions of a group, the most mature first.
fn versions<'a>(kinds: &'a Kinds, group: &str) -> Vec<&'a str> {
    let mut versions: Vec<&str> =
        kinds.iter().filter(|kind| kind.group == group).map(|kind| kind.version.as_str()).collect();
    versions.sort_by_key(|version| (Reverse(priority(version)), *version));
    versions.dedup();
    versions
}

/// How mature a version is: `v2` before `v1` before `v1beta1` before `v1alpha1`.
fn priority(version: &str) -> (u8, u32, u32) {
    let number = |text: &str| text.parse().unwrap_or(0);
    let Some(rest) = version.strip_prefix('v') else { return (0, 0, 0) };
    if let Some((major, minor)) = rest.split_once("beta") {
        (2, number(major), number(minor))
    } else if let Some((major, minor)) = rest.split_once("alpha") {
        (1, number(major), number(minor))
    } else {
        (3, number(rest), 0)
    }
}

fn verbs(kind: &Kind) -> &'static [&'static str] {
    const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    /// As the server of custom kinds happens to order them.
    const CUSTOM: [&str; 8] = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
    /// Namespaces are deleted one by one.
    const SINGLE: [&str; 7] = ["create", "delete", "get", "list", "patch", "update", "watch"];
    match &kind.origin {
        Origin::Review => &VERBS[..1],
        Origin::Custom(_) => &CUSTOM,
        _ if kind.resource == NAMESPACES => &SINGLE,
        _ => &VERBS,
    }
}

/// Other names of a resource, where it has some.
fn names(kind: &Kind, entry: &mut Value) {
    for (field, list) in [("shortNames", &kind.short_names), ("categories", &kind.categories)] {
        if !list.is_empty() {
            entry[field] = json!(list);
        }
    }
}

/// A part of a resource with a path of its own.
struct Subresource<'a> {
    name: &'static str,
    group: &'a str,
    version: &'a str,
    kind: &'a str,
    verbs: &'static [&'static str],
}

fn parts(kind: &Kind) -> Vec<Subresource<'_>> {
    let own = |name, verbs| Subresource { name, group: &kind.group, version: &kind.version, kind: &kind.kind, verbs };
    let other = |name, group, version, kind, verbs| Subresource { name, group, version, kind, verbs };
    let mut parts = Vec::new();
    if kind.status {
        parts.push(own("status", &["get", "patch", "update"]));
    }
    if kind.scale.is_some() {
        parts.push(other("scale", "autoscaling", "v1", "Scale", &["get", "patch", "update"]));
    }
    if kind.resource == PODS {
        parts.push(own("log", &["get"]));
        parts.push(other("binding", "", "v1", "Binding", &["create"]));
        parts.push(other("eviction", "policy", "v1", "Eviction", &["create"]));
    }
    if kind.resource == NAMESPACES {
        parts.push(own("finalize", &["update"]));
    }
    parts
}
