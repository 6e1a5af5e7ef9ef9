//! Schemas of kinds as OpenAPI documents have them.

use serde_json::{Map, Value, json};

use crate::registry::Kind;
use crate::schema::builtin::{self, openapi};

/// Adds the schemas of a kind and of its list, with all that they refer to.
pub(super) fn add(kind: &Kind, schemas: &mut Map<String, Value>) {
    let name = name(kind);
    match kind.custom() {
        Some(custom) => {
            schemas.insert(name.clone(), declared(custom.declared_schema()));
        }
        None => schemas.extend(builtin::definitions(&kind.group, &kind.version, &kind.kind)),
    }
    if let Some(schema) = schemas.get_mut(&name) {
        schema["x-kubernetes-group-version-kind"] = json!([identity(kind)]);
    }
    for metadata in [openapi::OBJECT_META, openapi::LIST_META] {
        schemas.extend(openapi::definitions(metadata));
    }
    schemas.insert(format!("{name}List"), list(kind, &name));
}

pub(super) fn identity(kind: &Kind) -> Value {
    json!({ "group": kind.group, "version": kind.version, "kind": kind.kind })
}

/// `io.k8s.api.core.v1.Pod`; for kinds of definitions the group backwards, then version and kind.
pub(super) fn name(kind: &Kind) -> String {
    if let Some(name) = builtin::definition_name(&kind.group, &kind.version, &kind.kind) {
        return name;
    }
    let mut parts: Vec<&str> = kind.group.rsplit('.').collect();
    parts.extend([kind.version.as_str(), kind.kind.as_str()]);
    parts.join(".")
}

/// The schema of a definition, completed by what every object has.
fn declared(schema: Value) -> Value {
    let mut schema = if schema.is_object() { schema } else { json!({ "type": "object" }) };
    if !schema["properties"].is_object() {
        schema["properties"] = json!({});
    }
    let properties = &mut schema["properties"];
    for (name, description) in [
        (
            "apiVersion",
            "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources",
        ),
        (
            "kind",
            "Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds",
        ),
    ] {
        properties[name] = json!({ "type": "string", "description": description });
    }
    properties["metadata"] = json!({
        "description": "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
        "allOf": [{ "$ref": openapi::to(openapi::OBJECT_META) }],
    });
    schema
}

fn list(kind: &Kind, name: &str) -> Value {
    json!({
        "description": format!("{} is a list of {}", kind.list_kind, kind.kind),
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": { "type": "string" },
            "kind": { "type": "string" },
            "metadata": { "allOf": [{ "$ref": openapi::to(openapi::LIST_META) }] },
            "items": { "type": "array", "items": { "allOf": [{ "$ref": openapi::to(name) }] } },
        },
        "x-kubernetes-group-version-kind": [{ "group": kind.group, "version": kind.version, "kind": kind.list_kind }],
    })
}
