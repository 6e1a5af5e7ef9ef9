use serde_json::{Value, json};

use super::*;
use std::sync::Arc;

use crate::registry::Registry;
use crate::store::{CUSTOMRESOURCEDEFINITIONS, DeleteOptions, Store, Window};

fn with_widgets() -> (Store, Registry) {
    let store = Store::in_memory(Arc::new(crate::System), Window::default());
    let registry = Registry::new(&store).unwrap();
    let definition = json!({
        "metadata": { "name": "widgets.example.com" },
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": { "plural": "widgets", "kind": "Widget", "shortNames": ["wd"] },
            "versions": [
                { "name": "v1beta1", "served": true, "storage": false },
                {
                    "name": "v1", "served": true, "storage": true, "subresources": { "status": {} },
                    "schema": { "openAPIV3Schema": { "type": "object", "properties": {
                        "spec": { "type": "object", "description": "What it should be.", "properties": { "size": { "type": "integer" } } },
                    } } },
                },
            ],
        },
    });
    store.create(&CUSTOMRESOURCEDEFINITIONS, definition).unwrap();
    (store, registry)
}

fn get(path: &str, accept: &str) -> Option<(&'static str, Value)> {
    let document = respond(&with_widgets().1.kinds(), &Schemas::default(), path, accept)?;
    Some((document.content_type, serde_json::from_slice(&document.body).unwrap()))
}

const V2: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const V2BETA1: &str = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

#[test]
fn the_form_is_exactly_the_one_asked_for() {
    let form = |accept: &str| {
        let (content_type, value) = get("/apis", accept).unwrap();
        (content_type, value["kind"].as_str().unwrap().to_owned())
    };
    assert_eq!(form(&format!("{V2},{V2BETA1},application/json")), (V2, "APIGroupDiscoveryList".into()));
    assert_eq!(form(&format!("{V2BETA1},application/json")), (V2BETA1, "APIGroupDiscoveryList".into()));
    assert_eq!(form("application/json"), ("application/json", "APIGroupList".into()));
    assert_eq!(form(""), ("application/json", "APIGroupList".into()));
    let future = "application/json;g=apidiscovery.k8s.io;v=v3;as=APIGroupDiscoveryList,application/json";
    assert_eq!(form(future), ("application/json", "APIGroupList".into()));
}

#[test]
fn a_defined_kind_is_found_in_both_forms() {
    let (_, groups) = get("/apis", V2).unwrap();
    let group =
        groups["items"].as_array().unwrap().iter().find(|group| group["metadata"]["name"] == "example.com").unwrap();
    assert_eq!(group["versions"][0]["version"], "v1");
    assert_eq!(
        group["versions"][0]["resources"][0],
        json!({
            "resource": "widgets",
            "responseKind": { "group": "example.com", "version": "v1", "kind": "Widget" },
            "scope": "Namespaced",
            "singularResource": "widget",
            "shortNames": ["wd"],
            "verbs": ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"],
            "subresources": [{
                "subresource": "status",
                "responseKind": { "group": "example.com", "version": "v1", "kind": "Widget" },
                "verbs": ["get", "patch", "update"],
            }],
        })
    );
    let (_, list) = get("/apis/example.com/v1", "").unwrap();
    assert_eq!(list["resources"][0]["name"], "widgets");
    assert_eq!(list["resources"][1]["name"], "widgets/status");
    assert_eq!(get("/apis/example.com", "").unwrap().1["preferredVersion"]["version"], "v1");
    assert_eq!(get("/apis/example.com/v2", ""), None);
}

#[test]
fn the_core_group_is_alone_under_api() {
    let (_, core) = get("/api", V2).unwrap();
    assert_eq!(core["items"].as_array().unwrap().len(), 1);
    let resources = core["items"][0]["versions"][0]["resources"].as_array().unwrap();
    let pods = resources.iter().find(|resource| resource["resource"] == "pods").unwrap();
    let parts: Vec<_> =
        pods["subresources"].as_array().unwrap().iter().map(|part| part["subresource"].clone()).collect();
    assert_eq!(parts, ["status", "log", "binding", "eviction"]);
    assert_eq!(get("/api", "").unwrap().1["versions"], json!(["v1"]));
}

#[test]
fn every_reference_of_every_document_leads_somewhere() {
    let (_, index) = get("/openapi/v3", "").unwrap();
    for (place, entry) in index["paths"].as_object().unwrap() {
        let url = entry["serverRelativeURL"].as_str().unwrap();
        let path = url.split('?').next().unwrap();
        assert_eq!(path, format!("/openapi/v3/{place}"));
        let (_, document) = get(path, "").unwrap();
        let mut references = Vec::new();
        collect(&document, &mut references);
        for reference in references {
            let pointer = reference.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{place}: {reference}");
        }
    }
    assert_eq!(get("/openapi/v3/apis/none/v1", ""), None);
}

fn collect<'a>(value: &'a Value, references: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            references.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

#[test]
fn kinds_can_be_explained_and_leave_checking_to_the_server() {
    let (_, custom) = get("/openapi/v3/apis/example.com/v1", "").unwrap();
    let widget = &custom["components"]["schemas"]["com.example.v1.Widget"];
    assert_eq!(widget["properties"]["spec"]["description"], "What it should be.");
    assert_eq!(
        widget["x-kubernetes-group-version-kind"],
        json!([{ "group": "example.com", "version": "v1", "kind": "Widget" }])
    );
    let patch = &custom["paths"]["/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"]["patch"];
    assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], "Widget");
    assert!(patch["parameters"].as_array().unwrap().iter().any(|parameter| parameter["name"] == "fieldValidation"));
    let (_, core) = get("/openapi/v3/api/v1", "").unwrap();
    let pod = &core["components"]["schemas"]["io.k8s.api.core.v1.Pod"];
    assert_eq!(pod["x-kubernetes-group-version-kind"][0]["kind"], "Pod");
}

#[test]
fn documents_follow_the_kinds() {
    let (store, registry) = with_widgets();
    let schemas = Schemas::default();
    let read = || respond(&registry.kinds(), &schemas, "/openapi/v3/apis/example.com/v1", "");
    let index = || respond(&registry.kinds(), &schemas, "/openapi/v3", "").unwrap();
    let (document, place) = (read().unwrap(), index());
    assert_eq!(read(), Some(document));
    store.delete(&CUSTOMRESOURCEDEFINITIONS, "", "widgets.example.com", &DeleteOptions::default()).unwrap();
    assert_eq!(read(), None);
    assert_ne!(index(), place);
}

#[test]
fn older_clients_get_all_in_the_second_version() {
    let (content_type, document) = get("/openapi/v2", "application/json").unwrap();
    assert_eq!((content_type, &document["swagger"]), ("application/json", &json!("2.0")));
    let mut references = Vec::new();
    collect(&document, &mut references);
    for reference in references {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    for (name, schema) in document["definitions"].as_object().unwrap() {
        can_be_read(name, schema);
    }
    let widget = &document["definitions"]["com.example.v1.Widget"];
    assert_eq!(widget["properties"]["spec"]["properties"]["size"], json!({ "type": "integer" }));
    let patch = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], "Deployment");
    let dry = json!({ "name": "dryRun", "in": "query", "type": "string", "uniqueItems": true });
    assert!(patch["parameters"].as_array().unwrap().contains(&dry));
    let packed = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    let packed = respond(&with_widgets().1.kinds(), &Schemas::default(), "/openapi/v2", packed).unwrap();
    assert_eq!(&packed.body[..5], b"\x0a\x032.0");
}

/// What kubectl asks of a schema before it reads any.
fn can_be_read(place: &str, schema: &Value) {
    if schema.get("$ref").is_some() {
        assert_eq!((&schema["type"], &schema["properties"]), (&Value::Null, &Value::Null), "{place}");
        return;
    }
    let kind = &schema["type"];
    let known = ["object", "array", "string", "integer", "number", "boolean"];
    assert!(kind.is_null() || known.iter().any(|known| kind == known), "{place}: {kind}");
    assert_eq!(kind == "array", schema["items"].is_object(), "{place}");
    if let Some(fields) = schema.get("properties") {
        assert_eq!(kind, "object", "{place}");
        let fields = fields.as_object().unwrap();
        assert!(!fields.is_empty(), "{place}");
        fields.iter().for_each(|(name, field)| can_be_read(&format!("{place}.{name}"), field));
    }
    for below in ["items", "additionalProperties"].iter().filter_map(|name| schema.get(*name)) {
        if below.is_object() {
            can_be_read(place, below);
        }
    }
}

#[test]
fn what_the_second_version_cannot_say_is_left_open() {
    let fields = json!({
        "null": { "type": "object", "nullable": true, "properties": { "a": { "type": "string" } }, "required": ["a"] },
        "open": { "type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": { "a": { "type": "string" } } },
        "either": { "x-kubernetes-int-or-string": true, "anyOf": [{ "type": "integer" }, { "type": "string" }] },
        "checked": { "type": "integer", "allOf": [{ "maximum": 3 }], "minimum": 1 },
        "properties": { "type": "array", "items": { "type": "object", "properties": {} } },
    });
    let schemas = json!({ "Odd": { "type": "object", "properties": fields } });
    let document = swagger::from(json!({ "components": { "schemas": schemas } }));
    assert_eq!(
        document["definitions"]["Odd"]["properties"],
        json!({
            "null": {},
            "open": { "x-kubernetes-preserve-unknown-fields": true },
            "either": { "type": "string", "format": "int-or-string", "x-kubernetes-int-or-string": true },
            "checked": { "type": "integer", "minimum": 1 },
            "properties": { "type": "array", "items": { "type": "object" } },
        })
    );
}

#[test]
fn mature_versions_come_first() {
    let mut versions = ["v1alpha1", "v1", "v2beta1", "v2", "odd", "v10"];
    versions.sort_by_key(|version| Reverse(priority(version)));
    assert_eq!(versions, ["v10", "v2", "v1", "v2beta1", "v1alpha1", "odd"]);
}
