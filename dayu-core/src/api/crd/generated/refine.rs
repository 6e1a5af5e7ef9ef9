//! What a derived definition still lacks to be accepted by, and small enough for, a real API server.
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

use crate::api::pod_template::POD_SPEC;

/// Completes `definition`; `pod` is the schema of a PodSpec.
pub(super) fn definition(definition: &mut CustomResourceDefinition, pod: &JSONSchemaProps) {
    for version in &mut definition.spec.versions {
        let Some(root) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) else {
            continue;
        };
        root.title = None;
        root.required = Some(vec!["metadata".to_owned(), "spec".to_owned()]);
        let properties = root.properties.get_or_insert_default();
        for (name, kind) in [("apiVersion", "string"), ("kind", "string"), ("metadata", "object")] {
            properties.insert(name.to_owned(), JSONSchemaProps { type_: Some(kind.to_owned()), ..Default::default() });
        }
        each_field(root, &mut |_, field| own(field, pod));
    }
}

fn own(field: &mut JSONSchemaProps, pod: &JSONSchemaProps) {
    // A zero value and an absent field are the same to every reader, so neither null nor a default has a use; a
    // default would make the stored spec differ from the one that was sent.
    field.nullable = None;
    field.default = None;
    field.title = None;
    prose(&mut field.description);
    match field.format.as_deref() {
        Some(POD_SPEC) => *field = JSONSchemaProps { description: field.description.take(), ..pod.clone() },
        // schemars' own; OpenAPI and the API server know signed formats.
        Some("uint64") => field.format = Some("int64".to_owned()),
        Some("uint32" | "uint16" | "uint8") => field.format = Some("int32".to_owned()),
        _ => {}
    }
}

/// Leaves the words: an example in Rust is for those who embed the types, and `kubectl explain` would show it.
fn prose(description: &mut Option<String>) {
    if let Some(text) = description
        && let Some(example) = text.find("```")
    {
        text.truncate(text[..example].trim_end().len());
    }
}

/// Calls `see` with the name and the schema of every field, inner fields first.
pub(super) fn each_field(schema: &mut JSONSchemaProps, see: &mut impl FnMut(&str, &mut JSONSchemaProps)) {
    for (name, property) in schema.properties.iter_mut().flatten() {
        each_field(property, see);
        see(name, property);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => {
            each_field(items, see);
            see("", items);
        }
        Some(JSONSchemaPropsOrArray::Schemas(_)) | None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        each_field(values, see);
        see("", values);
    }
}
