//! A definition as a server has it, decoded to what is asked of it: whether its kind is served, or also which fields it has.
use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Deserializer};

use super::Definition;
use crate::api::VERSION;

/// Whether a server serves a kind: what the answer to an apply of a definition, or a watch of it, is decoded to.
///
/// ```
/// # use dayu_core::api::{Served, definitions};
/// let served: Served = serde_json::from_str(definitions()[0].json()).unwrap();
/// assert_eq!(served.established(), Err("is not served yet"), "no server has it");
/// ```
#[derive(Resource, Clone, Debug, Default, Deserialize)]
#[resource(inherit = CustomResourceDefinition)]
#[serde(default)]
pub struct Served {
    #[serde(deserialize_with = "identity")]
    metadata: ObjectMeta,
    status: Option<Status>,
}

/// What a server serves under the name of a definition, and which fields it knows.
///
/// Get or watch it like any kind: `Api::<Installed>::all(client).get(definition.name())`. It takes a twentieth of the memory
/// of a whole CustomResourceDefinition.
///
/// ```
/// # use dayu_core::api::{Installed, definitions};
/// let wanted = definitions()[0];
/// let installed: Installed = serde_json::from_str(wanted.json()).unwrap();
/// assert!(installed.lacks(&wanted).is_empty(), "it knows every field");
/// assert_eq!(installed.established(), Err("is not served yet"), "no server has it");
/// ```
#[derive(Resource, Clone, Debug, Default, Deserialize)]
#[resource(inherit = CustomResourceDefinition)]
#[serde(default)]
pub struct Installed {
    #[serde(deserialize_with = "identity")]
    metadata: ObjectMeta,
    spec: Spec,
    status: Option<Status>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    versions: Vec<Version>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Version {
    name: String,
    schema: Option<Schema>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Schema {
    #[serde(rename = "openAPIV3Schema")]
    root: Fields,
}

/// The fields below one place of a schema.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Fields {
    properties: BTreeMap<Box<str>, Fields>,
    items: Option<Box<Fields>>,
    #[serde(rename = "x-kubernetes-preserve-unknown-fields")]
    keeps_unknown: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    conditions: Option<Vec<Condition>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    message: String,
}

impl Served {
    /// Whether the server serves the kind.
    ///
    /// # Errors
    /// Says why it does not, in words that go on from the name of the definition.
    pub fn established(&self) -> Result<(), &str> {
        established(self.status.as_ref())
    }
}

impl Installed {
    /// Whether the server serves the kind.
    ///
    /// # Errors
    /// Says why it does not, in words that go on from the name of the definition.
    pub fn established(&self) -> Result<(), &str> {
        established(self.status.as_ref())
    }

    /// Paths of the fields that `wanted` has and the server does not know, such as `.spec.ports[].protocol`: it drops them
    /// from what users send, without a word.
    #[must_use]
    pub fn lacks(&self, wanted: &Definition) -> Vec<String> {
        let mut paths = Vec::new();
        if let Some(wanted) = serde_json::from_str::<Self>(wanted.json()).ok().and_then(|wanted| wanted.root().cloned())
        {
            compare(&wanted, self.root().unwrap_or(&Fields::default()), "", &mut paths);
        }
        paths
    }

    fn root(&self) -> Option<&Fields> {
        let version = self.spec.versions.iter().find(|version| version.name == VERSION)?;
        version.schema.as_ref().map(|schema| &schema.root)
    }
}

fn established(status: Option<&Status>) -> Result<(), &str> {
    let conditions = status.and_then(|status| status.conditions.as_ref()).into_iter().flatten();
    match conditions.into_iter().find(|condition| condition.kind == "Established") {
        Some(condition) if condition.status == "True" => Ok(()),
        Some(condition) if !condition.message.is_empty() => Err(&condition.message),
        Some(_) => Err("is not served, for no given reason"),
        None => Err("is not served yet"),
    }
}

fn compare(wanted: &Fields, served: &Fields, path: &str, paths: &mut Vec<String>) {
    if served.keeps_unknown {
        return;
    }
    for (name, field) in &wanted.properties {
        match served.properties.get(name) {
            Some(known) => compare(field, known, &format!("{path}.{name}"), paths),
            None => paths.push(format!("{path}.{name}")),
        }
    }
    if let Some(items) = &wanted.items {
        compare(items, served.items.as_deref().unwrap_or(&Fields::default()), &format!("{path}[]"), paths);
    }
}

/// Of the metadata only what tells one object from another: who wrote which of a thousand fields is half of it all.
fn identity<'de, D: Deserializer<'de>>(metadata: D) -> Result<ObjectMeta, D::Error> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Identity {
        name: Option<String>,
        uid: Option<String>,
        resource_version: Option<String>,
        generation: Option<i64>,
    }
    let Identity { name, uid, resource_version, generation } = Identity::deserialize(metadata)?;
    Ok(ObjectMeta { name, uid, resource_version, generation, ..ObjectMeta::default() })
}
