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
        match name {
            "ports" => default_protocol(field),
            "hostAliases" => may_lack("ip", items(field)),
            "imagePullSecrets" => may_lack("name", items(field)),
            "configMapKeyRef"
            | "secretKeyRef"
            | "configMapRef"
            | "secretRef"
            | "nodePublishSecretRef"
            | "configMap"
            | "secret" => may_lack("name", Some(field)),
            _ => {}
        }
    });
    schema
}

/// The types here always have it, since it has a default: whoever leaves it out says the empty string, as ever.
fn may_lack(name: &str, object: Option<&mut JSONSchemaProps>) {
    let Some(object) = object else { return };
    if let Some(required) = &mut object.required {
        required.retain(|field| field != name);
    }
    object.required.take_if(|required| required.is_empty());
}

/// The one default that the kinds always had.
fn default_protocol(ports: &mut JSONSchemaProps) {
    let port = items(ports).and_then(|port| port.properties.as_mut());
    if let Some(protocol) = port.and_then(|fields| fields.get_mut("protocol")) {
        protocol.default = Some(JSON(serde_json::Value::from("TCP")));
    }
}

fn items(list: &mut JSONSchemaProps) -> Option<&mut JSONSchemaProps> {
    match &mut list.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => Some(items),
        Some(JSONSchemaPropsOrArray::Schemas(_)) | None => None,
    }
}
