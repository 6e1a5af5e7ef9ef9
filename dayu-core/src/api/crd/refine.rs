//! What a derived definition still lacks to be accepted by, and small enough for, a real API server.
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

/// Where in a schema we are.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// Fields of ours, documented by their own descriptions.
    Own,
    /// Fields of Kubernetes' PodSpec: `kubectl explain pod.spec` describes them.
    Pod,
}

pub(super) fn definition(definition: &mut CustomResourceDefinition) {
    for version in &mut definition.spec.versions {
        let Some(root) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) else {
            continue;
        };
        root.required = Some(vec!["metadata".to_owned(), "spec".to_owned()]);
        let properties = root.properties.get_or_insert_default();
        for (name, kind) in [("apiVersion", "string"), ("kind", "string"), ("metadata", "object")] {
            properties.insert(name.to_owned(), JSONSchemaProps { type_: Some(kind.to_owned()), ..Default::default() });
        }
        schema(root, Part::Own);
    }
}

fn schema(props: &mut JSONSchemaProps, part: Part) {
    // A zero value and an absent field are the same to every reader, so neither null nor a default has a use; a
    // default would make the stored spec differ from the one that was sent.
    props.nullable = None;
    props.default = None;
    props.title = None;
    if part == Part::Pod {
        props.description = None;
    }
    if props.x_kubernetes_int_or_string == Some(true) {
        props.type_ = None;
        props.format = None;
    }
    // Unsigned and small formats are schemars' own; OpenAPI and the API server know int32 and int64.
    if let Some(format @ ("uint32" | "uint64" | "int16" | "uint16" | "uint8")) = props.format.as_deref() {
        props.format = Some(if format == "uint64" { "int64" } else { "int32" }.to_owned());
    }
    for (name, property) in props.properties.iter_mut().flatten() {
        let pod = part == Part::Pod || is_pod(name, property);
        schema(property, if pod { Part::Pod } else { Part::Own });
        if pod && name == "ports" {
            default_protocol(property);
        }
    }
    match &mut props.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => schema(items, part),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(|items| schema(items, part)),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut props.additional_properties {
        schema(values, part);
    }
}

fn is_pod(name: &str, property: &JSONSchemaProps) -> bool {
    name == "spec" && property.properties.as_ref().is_some_and(|fields| fields.contains_key("containers"))
}

/// The one default that the kinds always had.
fn default_protocol(ports: &mut JSONSchemaProps) {
    let Some(JSONSchemaPropsOrArray::Schema(port)) = &mut ports.items else { return };
    if let Some(protocol) = port.properties.as_mut().and_then(|fields| fields.get_mut("protocol")) {
        protocol.default = Some(JSON(serde_json::Value::from("TCP")));
    }
}
