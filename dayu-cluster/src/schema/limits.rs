//! What a schema demands of a value beyond its type.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::{Number, Value};

/// Demands on the value itself.
#[derive(Debug, Default)]
pub struct Limits {
    pub one_of_values: Vec<Value>,
    pub minimum: Option<Bound>,
    pub maximum: Option<Bound>,
    pub multiple_of: Option<Number>,
    pub min_length: Option<u64>,
    pub max_length: Option<u64>,
    pub pattern: Option<Regex>,
    pub format: Option<Box<str>>,
    pub min_items: Option<u64>,
    pub max_items: Option<u64>,
    pub min_properties: Option<u64>,
    pub max_properties: Option<u64>,
    pub all_of: Vec<Assertion>,
    pub any_of: Vec<Assertion>,
    pub one_of: Vec<Assertion>,
    pub not: Option<Box<Assertion>>,
}

#[derive(Debug, Clone)]
pub struct Bound {
    pub at: Number,
    pub exclusive: bool,
}

/// One branch of a logical junctor: demands on a value and on what is in it, without types of its own.
#[derive(Debug, Default)]
pub struct Assertion {
    pub json_type: Option<Box<str>>,
    pub limits: Limits,
    pub required: Vec<Box<str>>,
    pub fields: BTreeMap<Box<str>, Assertion>,
    pub items: Option<Box<Assertion>>,
}

/// A pattern that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("pattern {pattern:?} is no valid regular expression: {source}")]
pub struct BadPattern {
    pub pattern: String,
    pub source: regex_lite::Error,
}

impl Limits {
    /// Reads the demands of one schema; `None` if it has none.
    pub(super) fn read(schema: &Value) -> Result<Option<Self>, BadPattern> {
        // A schema has a few words, and most have none of these.
        if !schema.as_object().is_some_and(|words| words.keys().any(|word| is_demand(word))) {
            return Ok(None);
        }
        let count = |name: &str| schema[name].as_u64();
        Ok(Some(Self {
            one_of_values: schema["enum"].as_array().cloned().unwrap_or_default(),
            minimum: bound(&schema["minimum"], &schema["exclusiveMinimum"]),
            maximum: bound(&schema["maximum"], &schema["exclusiveMaximum"]),
            multiple_of: schema["multipleOf"].as_number().cloned(),
            min_length: count("minLength"),
            max_length: count("maxLength"),
            pattern: schema["pattern"].as_str().map(pattern).transpose()?,
            format: schema["format"].as_str().map(Into::into),
            min_items: count("minItems"),
            max_items: count("maxItems"),
            min_properties: count("minProperties"),
            max_properties: count("maxProperties"),
            all_of: assertions(&schema["allOf"])?,
            any_of: assertions(&schema["anyOf"])?,
            one_of: assertions(&schema["oneOf"])?,
            not: schema.get("not").map(Assertion::read).transpose()?.map(Box::new),
        }))
    }
}

/// Whether [`Limits`] are made of this word of a schema.
fn is_demand(word: &str) -> bool {
    matches!(
        word,
        "enum"
            | "minimum"
            | "maximum"
            | "multipleOf"
            | "minLength"
            | "maxLength"
            | "pattern"
            | "format"
            | "minItems"
            | "maxItems"
            | "minProperties"
            | "maxProperties"
            | "allOf"
            | "anyOf"
            | "oneOf"
            | "not"
            | "exclusiveMinimum"
            | "exclusiveMaximum"
    )
}

impl Assertion {
    fn read(schema: &Value) -> Result<Self, BadPattern> {
        let fields = schema["properties"].as_object().into_iter().flatten();
        Ok(Self {
            json_type: schema["type"].as_str().map(Into::into),
            limits: Limits::read(schema)?.unwrap_or_default(),
            required: names(&schema["required"]),
            fields: fields
                .map(|(name, schema)| Ok((name.as_str().into(), Self::read(schema)?)))
                .collect::<Result<_, BadPattern>>()?,
            items: schema.get("items").map(Self::read).transpose()?.map(Box::new),
        })
    }
}

fn assertions(list: &Value) -> Result<Vec<Assertion>, BadPattern> {
    list.as_array().into_iter().flatten().map(Assertion::read).collect()
}

fn bound(at: &Value, exclusive: &Value) -> Option<Bound> {
    Some(Bound { at: at.as_number()?.clone(), exclusive: *exclusive == true })
}

fn pattern(text: &str) -> Result<Regex, BadPattern> {
    Regex::new(text).map_err(|source| BadPattern { pattern: text.into(), source })
}

pub(super) fn names(list: &Value) -> Vec<Box<str>> {
    list.as_array().into_iter().flatten().filter_map(|name| name.as_str().map(Into::into)).collect()
}
