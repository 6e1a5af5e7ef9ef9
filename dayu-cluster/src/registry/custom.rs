//! Kinds out of CustomResourceDefinitions.

use std::sync::OnceLock;

use serde_json::Value;

use super::{Custom, Kind, Origin, Scale};
use crate::store::ResourceRef;

/// The kinds that a stored definition serves, one for each served version.
pub(super) fn kinds(definition: &Value) -> Vec<Kind> {
    let spec = &definition["spec"];
    let versions = || spec["versions"].as_array().into_iter().flatten();
    let Some(storage) = versions().find(|version| version["storage"] == true) else { return Vec::new() };
    let storage = text(&storage["name"]);
    versions().filter(|version| version["served"] == true).map(|version| kind(definition, version, &storage)).collect()
}

fn kind(definition: &Value, version: &Value, storage_version: &str) -> Kind {
    let spec = &definition["spec"];
    let names = &spec["names"];
    let kind = text(&names["kind"]);
    Kind {
        resource: ResourceRef::new(text(&spec["group"]), text(&names["plural"])),
        group: text(&spec["group"]),
        version: text(&version["name"]),
        list_kind: names["listKind"].as_str().map_or_else(|| format!("{kind}List"), Into::into),
        singular: names["singular"].as_str().map_or_else(|| kind.to_lowercase(), Into::into),
        kind,
        short_names: texts(&names["shortNames"]),
        categories: texts(&names["categories"]),
        namespaced: spec["scope"] == "Namespaced",
        generation: true,
        status: version["subresources"]["status"].is_object(),
        scale: scale(&version["subresources"]["scale"]),
        origin: Origin::Custom(Box::new(Custom {
            storage_version: storage_version.into(),
            terminating: definition["metadata"]["deletionTimestamp"].is_string(),
            declared: without_schema(version),
            text: version["schema"]["openAPIV3Schema"].to_string().into(),
            schema: OnceLock::new(),
        })),
    }
}

fn without_schema(version: &Value) -> Value {
    let fields = version.as_object().into_iter().flatten().filter(|(name, _)| *name != "schema");
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn scale(declared: &Value) -> Option<Scale> {
    Some(Scale {
        spec_replicas: declared["specReplicasPath"].as_str()?.into(),
        status_replicas: declared["statusReplicasPath"].as_str()?.into(),
        selector: declared["labelSelectorPath"].as_str().map(Into::into),
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().into()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(Into::into)).collect()
}
