//! Kinds out of CustomResourceDefinitions.

use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{Custom, Kind, Origin, Scale};
use crate::store::ResourceRef;

/// A stored definition as far as it tells of kinds. Nearly all of it are schemas, and those stay text: few are ever asked for.
#[derive(Deserialize)]
pub(super) struct Definition {
    metadata: Metadata,
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    accepted_names: Option<Names>,
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
struct Condition {
    r#type: String,
    status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    deletion_timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Spec {
    group: String,
    names: Names,
    scope: String,
    versions: Vec<Version>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Names {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    plural: String,
    singular: Option<String>,
    list_kind: Option<String>,
    short_names: Option<Vec<String>>,
    categories: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    schema: Schema,
    #[serde(flatten)]
    declared: Value,
}

#[derive(Default, Deserialize)]
struct Schema {
    #[serde(rename = "openAPIV3Schema")]
    text: Option<Box<RawValue>>,
}

impl Definition {
    /// The kinds that it serves, one for each served version; none while others have its names.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        let refused = |condition: &Condition| condition.r#type == "Established" && condition.status == "False";
        if self.status.conditions.iter().any(refused) {
            return Vec::new();
        }
        let mut versions = self.spec.versions.iter();
        let Some(storage) = versions.find(|version| version.declared["storage"] == true) else { return Vec::new() };
        let served = self.spec.versions.iter().filter(|version| version.declared["served"] == true);
        served.map(|version| self.kind(version, storage)).collect()
    }

    fn kind(&self, version: &Version, storage: &Version) -> Kind {
        let (names, declared) = (&self.spec.names, &version.declared);
        Kind {
            resource: ResourceRef::new(&*self.spec.group, &*names.plural),
            group: self.spec.group.clone(),
            version: text(&declared["name"]),
            list_kind: names.list_kind.clone().unwrap_or_else(|| format!("{}List", names.kind)),
            singular: names.singular.clone().unwrap_or_else(|| names.kind.to_lowercase()),
            kind: names.kind.clone(),
            short_names: self.status.accepted_names.as_ref().unwrap_or(names).short_names.clone().unwrap_or_default(),
            categories: names.categories.clone().unwrap_or_default(),
            namespaced: self.spec.scope == "Namespaced",
            generation: true,
            status: declared["subresources"]["status"].is_object(),
            scale: scale(&declared["subresources"]["scale"]),
            origin: Origin::Custom(Box::new(Custom {
                storage_version: text(&storage.declared["name"]),
                terminating: self.metadata.deletion_timestamp.is_some(),
                declared: declared.clone(),
                text: version.schema.text.as_deref().map_or("null", RawValue::get).into(),
                schema: OnceLock::new(),
            })),
        }
    }
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
