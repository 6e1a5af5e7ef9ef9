//! An object on its way into the store: serialised before the store is locked, with a place for the version that it
//! gets there.
//!
//! `resourceVersion` is the first field of stored `metadata`, so that it is found without reading the rest.

use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Meta, Object};

const METADATA: &str = "metadata";
const VERSION: &str = "resourceVersion";
/// How stored metadata begins.
const HEAD: &str = r#"{"resourceVersion":""#;

/// A serialised object.
#[derive(Debug)]
pub(super) struct Draft {
    meta: Meta,
    json: Vec<u8>,
    /// Where the digits of the version are.
    version: Range<usize>,
}

/// Writes an object field by field.
#[derive(Debug)]
pub(super) struct Pen {
    json: Vec<u8>,
    version: Range<usize>,
}

impl Default for Pen {
    fn default() -> Self {
        /// Most objects are smaller.
        const ROOM: usize = 4096;
        Self { json: Vec::with_capacity(ROOM), version: 0..0 }
    }
}

impl Draft {
    /// Serialises an object. `expected` is a guess of the version that it gets: a good one saves moving bytes.
    pub(super) fn new(value: &Value, expected: u64) -> Result<Self, serde_json::Error> {
        let meta = Meta::deserialize(&value[METADATA])?;
        let mut pen = Pen::default();
        for (name, value) in value.as_object().into_iter().flatten() {
            pen.field(name, value, expected)?;
        }
        Ok(pen.finish(meta))
    }

    pub(super) fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The object parsed; its version is not yet its own.
    pub(super) fn value(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_slice(&self.json)
    }

    /// Whether this is a stored object, but for the version.
    pub(super) fn is(&mut self, stored: &Object) -> bool {
        self.set_version(stored.meta.resource_version);
        self.json == stored.json
    }

    /// The object as it is at a version.
    pub(super) fn at(mut self, version: u64) -> Object {
        self.set_version(version);
        // No byte more than the object has is kept.
        Object { meta: self.meta, json: Bytes::from(self.json.into_boxed_slice()) }
    }

    fn set_version(&mut self, version: u64) {
        self.meta.resource_version = version;
        let digits = version.to_string();
        let end = self.version.start + digits.len();
        self.json.splice(self.version.clone(), digits.into_bytes());
        self.version.end = end;
    }
}

impl Pen {
    pub(super) fn finish(mut self, meta: Meta) -> Draft {
        self.json.push(if self.json.is_empty() { b'{' } else { b'}' });
        Draft { meta, json: self.json, version: self.version }
    }

    /// Writes a field of the object.
    pub(super) fn field(&mut self, name: &str, value: &Value, expected: u64) -> Result<(), serde_json::Error> {
        self.name(name)?;
        match value {
            Value::Object(metadata) if name == METADATA => self.metadata(metadata, expected),
            other => self.write(other),
        }
    }

    /// Writes a field as it is stored. `false`: this is metadata in another form, and nothing is written.
    pub(super) fn copy(&mut self, name: &str, raw: &str) -> Result<bool, serde_json::Error> {
        if name != METADATA {
            self.name(name)?;
            self.json.extend(raw.as_bytes());
            return Ok(true);
        }
        let Some(digits) = raw.strip_prefix(HEAD).and_then(|rest| rest.find('"')) else { return Ok(false) };
        self.name(name)?;
        let start = self.json.len() + HEAD.len();
        self.version = start..start + digits;
        self.json.extend(raw.as_bytes());
        Ok(true)
    }

    fn metadata(&mut self, metadata: &Map<String, Value>, expected: u64) -> Result<(), serde_json::Error> {
        self.json.extend(HEAD.as_bytes());
        let start = self.json.len();
        self.json.extend(expected.to_string().as_bytes());
        self.version = start..self.json.len();
        self.json.push(b'"');
        for (name, value) in metadata.iter().filter(|(name, _)| *name != VERSION) {
            self.json.push(b',');
            self.write(name)?;
            self.json.push(b':');
            self.write(value)?;
        }
        self.json.push(b'}');
        Ok(())
    }

    fn name(&mut self, name: &str) -> Result<(), serde_json::Error> {
        self.json.push(if self.json.is_empty() { b'{' } else { b',' });
        self.write(name)?;
        self.json.push(b':');
        Ok(())
    }

    fn write<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), serde_json::Error> {
        serde_json::to_writer(&mut self.json, value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        /// Whatever version was expected, the object is the one that was given, at the version that it got.
        #[test]
        fn a_draft_is_its_object_at_any_version(expected in 0..2000_u64, version in 0..2000_u64, name in "[\"\\\\a-z]{1,5}") {
            let value = json!({"metadata": {"name": "a", "resourceVersion": "7", "labels": {&name: "1"}}, &name: [{"resourceVersion": "8"}]});
            let object = Draft::new(&value, expected).unwrap().at(version);
            let mut wanted = value;
            wanted["metadata"]["resourceVersion"] = version.to_string().into();
            prop_assert_eq!(object.value().unwrap(), wanted);
            prop_assert_eq!(object.meta.resource_version, version);
            prop_assert_eq!(Object::from_json(object.json.clone()).unwrap().meta, object.meta);
        }
    }

    #[test]
    fn only_the_version_may_differ() {
        let of =
            |version: &str, data: &str| json!({"metadata": {"name": "a", "resourceVersion": version}, "data": data});
        let stored = Draft::new(&of("1", "x"), 1).unwrap().at(99);
        assert!(Draft::new(&of("5", "x"), 100).unwrap().is(&stored));
        assert!(!Draft::new(&of("99", "y"), 99).unwrap().is(&stored));
    }
}
