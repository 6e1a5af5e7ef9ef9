//! OpenAPI: what kubectl explains kinds from, and learns from that writes are checked here.

use std::collections::HashMap;

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Document, gnostic, schemas, swagger};
use crate::registry::{Kind, Kinds};
use crate::schema::builtin::openapi;

/// The documents that were asked for, with the revision of the kinds that they were made of.
#[derive(Debug, Default)]
pub(crate) struct Schemas {
    made: Mutex<HashMap<String, (u64, Bytes)>>,
}

impl Schemas {
    /// `/openapi/v3`: where the documents are.
    pub(super) fn index(&self, kinds: &Kinds) -> Document {
        let mut paths = Map::new();
        for group in super::groups(kinds) {
            for version in super::versions(kinds, group) {
                let place = place(group, version);
                let hash = hash(kinds, group, version);
                let url = format!("/openapi/v3/{place}?hash={hash}");
                paths.insert(place, json!({ "serverRelativeURL": url }));
            }
        }
        Document::json(&json!({ "paths": paths }))
    }

    /// `/openapi/v2`: all kinds in one document.
    pub(super) fn second(&self, kinds: &Kinds, accept: &str) -> Document {
        let packed = accept.contains("proto-openapi");
        let all: Vec<&Kind> = kinds.iter().map(|kind| &**kind).collect();
        let made = || swagger::from(document(&all));
        if packed {
            let body = self.kept("v2 in protocol buffers", kinds.revision, || gnostic::encode(&made()).into());
            return Document { content_type: "application/com.github.proto-openapi.spec.v2.v1.0+protobuf", body };
        }
        let body = self.kept("v2", kinds.revision, || made().to_string().into());
        Document { content_type: "application/json", body }
    }

    /// The document of one group and version.
    pub(super) fn document(&self, kinds: &Kinds, place: &str) -> Option<Document> {
        let (group, version) = match place.split('/').collect::<Vec<_>>()[..] {
            ["api", version] => ("", version),
            ["apis", group, version] => (group, version),
            _ => return None,
        };
        let here: Vec<&Kind> = of(kinds, group, version).collect();
        // Built-in kinds never change.
        let revision = if here.iter().any(|kind| kind.custom().is_some()) { kinds.revision } else { 0 };
        if here.is_empty() {
            return None;
        }
        let body = self.kept(place, revision, || document(&here).to_string().into());
        Some(Document { content_type: "application/json", body })
    }

    /// The document at a place, made where it was not made of these kinds before.
    fn kept(&self, place: &str, revision: u64, make: impl FnOnce() -> Bytes) -> Bytes {
        let known =
            self.made.lock().get(place).filter(|(made_of, _)| *made_of == revision).map(|(_, body)| body.clone());
        known.unwrap_or_else(|| {
            // Made without holding the lock: at worst twice.
            let body = make();
            self.made.lock().insert(place.into(), (revision, body.clone()));
            body
        })
    }
}

fn of<'a>(kinds: &'a Kinds, group: &'a str, version: &'a str) -> impl Iterator<Item = &'a Kind> {
    kinds.iter().map(|kind| &**kind).filter(move |kind| kind.group == group && kind.version == version)
}

fn place(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

/// Changes with the document, without making it.
fn hash(kinds: &Kinds, group: &str, version: &str) -> String {
    let mut hash = Sha256::new_with_prefix(env!("CARGO_PKG_VERSION"));
    for kind in of(kinds, group, version) {
        hash.update(kind.plural());
        if let Some(custom) = kind.custom() {
            hash.update(custom.declared.to_string());
            hash.update(custom.schema_text());
        }
    }
    hash.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02X}"))
}

fn document(kinds: &[&Kind]) -> Value {
    let mut components = Map::new();
    let mut paths = Map::new();
    for kind in kinds {
        schemas::add(kind, &mut components);
        for (path, operations) in operations(kind) {
            paths.insert(path, operations);
        }
    }
    json!({
        "openapi": "3.0.0",
        "info": { "title": "Kubernetes", "version": "v1.37" },
        "paths": paths,
        "components": { "schemas": components },
    })
}

/// The paths of a resource. That PATCH has `fieldValidation` tells kubectl to leave checking to the server.
fn operations(kind: &Kind) -> Vec<(String, Value)> {
    let root = format!("/{}", place(&kind.group, &kind.version));
    let plural = kind.plural();
    let collection =
        if kind.namespaced { format!("{root}/namespaces/{{namespace}}/{plural}") } else { format!("{root}/{plural}") };
    let object = format!("{collection}/{{name}}");
    let mut paths = vec![
        (collection, json!({ "get": operation(kind, "list", &[]), "post": operation(kind, "post", &WRITE) })),
        (
            object.clone(),
            json!({
                "get": operation(kind, "get", &[]),
                "put": operation(kind, "put", &WRITE),
                "patch": operation(kind, "patch", &WRITE),
                "delete": operation(kind, "delete", &["dryRun"]),
            }),
        ),
    ];
    if kind.status {
        let status = json!({ "get": operation(kind, "get", &[]), "patch": operation(kind, "patch", &WRITE) });
        paths.push((format!("{object}/status"), status));
    }
    paths
}

const WRITE: [&str; 3] = ["dryRun", "fieldManager", "fieldValidation"];

fn operation(kind: &Kind, action: &str, parameters: &[&str]) -> Value {
    let parameters: Vec<Value> = parameters
        .iter()
        .map(|name| json!({ "name": name, "in": "query", "schema": { "type": "string", "uniqueItems": true } }))
        .collect();
    json!({
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": schemas::identity(kind),
        "parameters": parameters,
        "responses": { "200": {
            "description": "OK",
            "content": { "application/json": { "schema": { "$ref": openapi::to(&schemas::name(kind)) } } },
        } },
    })
}
