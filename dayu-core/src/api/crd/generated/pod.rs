//! The schema of a PodSpec: Kubernetes' own, stripped to what an API server needs.
use k8s_openapi::api::core::v1::PodSpec;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSON, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use schemars::generate::SchemaSettings;

use super::refine::each_field;

/// Without descriptions: `kubectl explain pod.spec` has them, and they would fill the definition ten times over.
pub(super) fn schema() -> JSONSchemaProps {
    let settings = SchemaSettings::openapi3().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let generated = settings.into_generator().into_root_schema_for::<PodSpec>();
    let mut schema: JSONSchemaProps = serde_json::from_value(generated.to_value()).unwrap();
    schema.title = None;
    schema.description = None;
    each_field(&mut schema, &mut |name, field| {
        field.description = None;
        if name == "ports" {
            default_protocol(field);
        }
    });
    schema
}

/// The one default that the kinds always had.
fn default_protocol(ports: &mut JSONSchemaProps) {
    let Some(JSONSchemaPropsOrArray::Schema(port)) = &mut ports.items else { return };
    if let Some(protocol) = port.properties.as_mut().and_then(|fields| fields.get_mut("protocol")) {
        protocol.default = Some(JSON(serde_json::Value::from("TCP")));
    }
}
