//! The schema of a PodSpec: Kubernetes' own, stripped to what an API server needs.
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;

/// Written by a test, which also tells when it is not current; made from types in the program itself it would take a
/// tenth of it.
static TEXT: &str = include_str!("pod.json");

/// Without descriptions: `kubectl explain pod.spec` has them, and they would fill the definition ten times over.
///
/// # Errors
/// When the text is no schema that an API server knows.
pub(super) fn schema() -> Result<JSONSchemaProps, serde_json::Error> {
    serde_json::from_str(TEXT)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::PodSpec;
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{JSON, JSONSchemaPropsOrArray};
    use schemars::generate::SchemaSettings;

    use super::super::refine::each_field;
    use super::*;

    fn generated() -> JSONSchemaProps {
        let settings = SchemaSettings::openapi3().with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        });
        let schema = settings.into_generator().into_root_schema_for::<PodSpec>();
        let mut schema: JSONSchemaProps = serde_json::from_value(schema.to_value()).unwrap();
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

    /// `DAYU_WRITE=1` writes the text anew.
    #[test]
    fn the_text_is_current() {
        let text = serde_json::to_string(&generated()).unwrap() + "\n";
        if std::env::var_os("DAYU_WRITE").is_some() {
            std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/api/crd/pod.json"), &text).unwrap();
        }
        assert!(text == TEXT, "write it anew: DAYU_WRITE=1 cargo test -p dayu-core the_text_is_current");
    }
}
