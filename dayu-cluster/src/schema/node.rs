//! A schema as a tree that values are walked along.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::limits::Limits;

/// What is known of a value at one place.
#[derive(Debug, Default)]
pub struct Node {
    pub kind: Kind,
    pub nullable: bool,
    /// Unknown fields are kept, here and (where nothing else is said) below.
    pub preserve_unknown: bool,
    /// The value is an object of its own, with `apiVersion`, `kind` and `metadata`.
    pub embedded: bool,
    /// In the encoding of a built-in kind this field is always there, also when nobody set it: setting what is in it
    /// does not create it.
    pub always_present: bool,
    pub default: Option<Value>,
    /// What goes beyond types; most nodes have nothing of it.
    pub limits: Option<Box<Limits>>,
}

/// The type of a value, with what is below it.
#[derive(Debug, Default, Clone)]
pub enum Kind {
    /// Nothing is known: anything goes, and it is one piece.
    #[default]
    Any,
    Boolean,
    Integer,
    Number,
    String,
    IntOrString,
    Object(Object),
    Array(Array),
}

/// Fields: known ones, and others by a common schema.
#[derive(Debug, Default, Clone)]
pub struct Object {
    pub fields: BTreeMap<Box<str>, Arc<Node>>,
    pub others: Others,
    pub required: Vec<Box<str>>,
    /// Owned and replaced as a whole.
    pub atomic: bool,
}

/// What is known of the fields that have no name in the schema.
#[derive(Debug, Default, Clone)]
pub enum Others {
    /// There are none.
    #[default]
    Unknown,
    /// All are of this form.
    Of(Arc<Node>),
}

#[derive(Debug, Clone)]
pub struct Array {
    pub items: Arc<Node>,
    pub list: List,
}

/// How the items of a list are told apart when several writers share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum List {
    /// Not at all: the list is one piece.
    Atomic,
    /// By their value.
    Set,
    /// By these fields of theirs.
    Map(Box<[Key]>),
}

impl List {
    /// Whether two items have the same keys; never where they have none.
    pub(crate) fn keys_agree(&self, left: &Value, right: &Value) -> bool {
        let Self::Map(keys) = self else { return false };
        keys.iter().all(|key| {
            let of = |item| Option::or(Value::get(item, &*key.name), key.default.as_ref());
            of(left) == of(right)
        })
    }
}

/// A field by which list items are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub name: Box<str>,
    /// What it is where it is not said.
    pub default: Option<Value>,
}

impl Node {
    pub fn new(kind: Kind) -> Self {
        Self { kind, ..Self::default() }
    }

    pub fn as_object(&self) -> Option<&Object> {
        match &self.kind {
            Kind::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The schema of a field, and whether the field is known by name.
    pub fn field(&self, name: &str) -> Option<(&Arc<Node>, bool)> {
        let object = self.as_object()?;
        match (object.fields.get(name), &object.others) {
            (Some(node), _) => Some((node, true)),
            (None, Others::Of(node)) => Some((node, false)),
            (None, Others::Unknown) => None,
        }
    }

    /// The schema of list items.
    pub fn items(&self) -> Option<&Arc<Node>> {
        match &self.kind {
            Kind::Array(array) => Some(&array.items),
            _ => None,
        }
    }
}
