//! One served version of one resource.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::schema::{Node, Structural, builtin};
use crate::store::ResourceRef;

/// What the API knows about a resource in one version.
#[derive(Debug)]
pub(crate) struct Kind {
    /// Where its objects are stored; all versions of a kind share it.
    pub resource: ResourceRef,
    /// The group it is served in: the stored one, but for kinds served in two (events).
    pub group: String,
    pub version: String,
    pub kind: String,
    pub list_kind: String,
    pub singular: String,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
    pub namespaced: bool,
    /// `metadata.generation` counts the changes of what the user asked for.
    pub generation: bool,
    /// Writes to the object leave `status` alone, and writes to `/status` everything else.
    pub status: bool,
    pub scale: Option<Scale>,
    /// Where the kind comes from.
    pub origin: Origin,
}

/// Where `/scale` finds its numbers, as dotted paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scale {
    pub spec_replicas: String,
    pub status_replicas: String,
    pub selector: Option<String>,
}

#[derive(Debug)]
pub(crate) enum Origin {
    /// Known to this program.
    BuiltIn,
    /// Known to this program, never stored: a question with an answer (access reviews).
    Review,
    /// From a CustomResourceDefinition.
    Custom(Box<Custom>),
}

/// What a CustomResourceDefinition says beside the names.
#[derive(Debug)]
pub(crate) struct Custom {
    /// The version that objects are stored in.
    pub storage_version: String,
    /// The definition itself is being deleted.
    pub terminating: bool,
    /// `spec.versions[]` of this version, but for the schema.
    pub declared: Value,
    /// Its `schema.openAPIV3Schema`: as text, since a tree of it takes twenty times as much and is seldom asked for.
    pub(super) text: Arc<str>,
    /// Compiled when it is first needed.
    pub(super) schema: OnceLock<Option<Structural>>,
}

impl Custom {
    /// The schema of this version; `None` for definitions without a usable one.
    pub(crate) fn schema(&self) -> Option<&Structural> {
        self.schema.get_or_init(|| Structural::read(&self.text)).as_ref()
    }

    /// The schema as it was declared; null where there is none.
    pub(crate) fn declared_schema(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The schema as text.
    pub(crate) fn schema_text(&self) -> &str {
        &self.text
    }
}

impl Kind {
    /// `v1`, `apps/v1`.
    pub(crate) fn api_version(&self) -> String {
        match self.group.as_str() {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// `Pod`, `Deployment.apps`: as messages about invalid objects name it.
    pub(crate) fn qualified(&self) -> String {
        match self.resource.group() {
            "" => self.kind.clone(),
            group => format!("{}.{group}", self.kind),
        }
    }

    pub(crate) fn plural(&self) -> &str {
        self.resource.plural()
    }

    pub(crate) fn custom(&self) -> Option<&Custom> {
        match &self.origin {
            Origin::Custom(custom) => Some(custom),
            Origin::BuiltIn | Origin::Review => None,
        }
    }

    /// The fields that objects of this kind have, where they are known.
    pub(crate) fn schema(&self) -> Option<Arc<Node>> {
        match self.custom() {
            Some(custom) => custom.schema().map(|schema| schema.node().clone()),
            None => builtin::node(&self.group, &self.version, &self.kind),
        }
    }

    /// The version that objects of this kind are stored in.
    pub(crate) fn stored_api_version(&self) -> String {
        match (self.resource.group(), self.custom()) {
            (group, Some(custom)) => format!("{group}/{}", custom.storage_version),
            ("", None) => "v1".into(),
            (group, None) => format!("{group}/{}", self.version),
        }
    }
}
