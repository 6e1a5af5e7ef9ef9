//! A stored object: its serialised bytes, and of its content only what is asked all the time.
//!
//! A parsed `serde_json::Value` takes some nine times the memory of the bytes, so nothing keeps one: whoever changes an
//! object parses it, changes it, and hands the store the result.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::Labels;

/// An object as stored. Immutable; a change makes a new one.
#[derive(Debug, Clone)]
pub struct Object {
    pub meta: Meta,
    /// The whole object, serialised, `metadata.resourceVersion` included.
    pub json: Bytes,
}

/// The part of `metadata` that the cluster itself decides by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// Empty for cluster-scoped objects.
    pub namespace: Box<str>,
    pub name: Box<str>,
    pub uid: Box<str>,
    #[serde(deserialize_with = "version")]
    pub resource_version: u64,
    pub generation: i64,
    pub labels: Labels,
    #[serde(rename = "ownerReferences")]
    pub owners: Box<[Owner]>,
    pub finalizers: Box<[Box<str>]>,
    pub deletion_timestamp: Option<Box<str>>,
    pub deletion_grace_period_seconds: Option<i64>,
}

/// One entry of `metadata.ownerReferences`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Owner {
    pub api_version: Box<str>,
    pub kind: Box<str>,
    pub name: Box<str>,
    pub uid: Box<str>,
    pub controller: bool,
    pub block_owner_deletion: bool,
}

impl Meta {
    /// Someone asked for deletion; finalizers or a grace period hold the object.
    pub fn is_terminating(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    /// The owner that controls this object, if any.
    pub fn controller(&self) -> Option<&Owner> {
        self.owners.iter().find(|owner| owner.controller)
    }

    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key)
    }
}

impl Object {
    /// Reads the bytes of a whole object.
    ///
    /// # Errors
    /// When they are no JSON object with well-typed `metadata`.
    pub fn from_json(json: Bytes) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Envelope {
            metadata: Meta,
        }
        let Envelope { metadata } = serde_json::from_slice(&json)?;
        Ok(Self { meta: metadata, json })
    }

    /// The object parsed, to be changed and handed back.
    ///
    /// # Errors
    /// Never for an object out of the store, whose bytes were made by serialising.
    pub fn value(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_slice(&self.json)
    }

    /// The object as one of `k8s_openapi`'s types, or any other.
    ///
    /// # Errors
    /// When the object does not fit the type.
    pub fn parse<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.json)
    }
}

/// `resourceVersion` is a string on the wire; absent on objects that were never stored.
fn version<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
    if text.is_empty() { Ok(0) } else { text.parse().map_err(serde::de::Error::custom) }
}
