//! OpenAPI's second version, which kubectl before 1.27 asks for: made of the third.

use serde_json::{Map, Value, json};

use crate::schema::builtin::openapi;

/// What the second version cannot say, or its readers do not understand.
const UNSAID: [&str; 5] = ["allOf", "anyOf", "oneOf", "not", "nullable"];

/// What a schema does not have that anything is good for.
const TYPED: [&str; 5] = ["type", "properties", "required", "additionalProperties", "items"];

/// The same document in the second version.
pub(super) fn from(mut document: Value) -> Value {
    let paths = fields(document["paths"].take());
    let schemas = fields(document["components"]["schemas"].take());
    json!({
        "swagger": "2.0",
        "info": document["info"].take(),
        "paths": each(paths, |operations| each(fields(operations), operation).into()),
        "definitions": each(schemas, schema),
    })
}

fn fields(value: Value) -> Map<String, Value> {
    if let Value::Object(fields) = value { fields } else { Map::new() }
}

fn each(fields: Map<String, Value>, change: impl Fn(Value) -> Value) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name, change(value))).collect()
}

fn operation(mut operation: Value) -> Value {
    for parameter in operation["parameters"].as_array_mut().into_iter().flatten() {
        let schema = fields(parameter["schema"].take());
        if let Some(parameter) = parameter.as_object_mut() {
            parameter.remove("schema");
            parameter.extend(schema);
        }
    }
    for response in operation["responses"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        let answer = response["content"]["application/json"]["schema"].take();
        *response = json!({ "description": response["description"].take(), "schema": schema(answer) });
    }
    operation
}

fn schema(value: Value) -> Value {
    let reference = openapi::reference(&value).map(|name| format!("#/definitions/{name}"));
    let mut schema = fields(value);
    if let Some(reference) = reference {
        // Beside it there may be words, and nothing that is checked.
        schema.retain(|name, _| name == "description" || name.starts_with("x-"));
        schema.insert("$ref".into(), reference.into());
        return schema.into();
    }
    let says = |name: &str| schema.get(name) == Some(&Value::Bool(true));
    // Its readers take null for a mistake wherever there is a type, and fields for one that are not named.
    let anything = says("nullable") || says("x-kubernetes-preserve-unknown-fields");
    if says("x-kubernetes-int-or-string") {
        schema.insert("type".into(), "string".into());
        schema.insert("format".into(), "int-or-string".into());
    }
    schema.retain(|name, value| {
        let name = name.as_str();
        let empty = name == "properties" && value.as_object().is_some_and(Map::is_empty);
        let typed = anything && TYPED.contains(&name);
        !(UNSAID.contains(&name) || typed || empty)
    });
    for (name, below) in &mut schema {
        match name.as_str() {
            "properties" => *below = each(fields(below.take()), self::schema).into(),
            "additionalProperties" | "items" if below.is_object() => *below = self::schema(below.take()),
            _ => {}
        }
    }
    schema.into()
}
