//! From the definitions of `k8s-openapi`'s types to schema trees.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ListMeta, ObjectMeta};
use k8s_openapi::schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value};

use super::lists;
use crate::schema::node::{Array, Kind, List, Node, Object, Others};

const REFERENCE: &str = "#/components/schemas/";

/// The definitions that a type is made of, as OpenAPI documents have them.
pub(super) fn definitions<T: JsonSchema>() -> Map<String, Value> {
    let mut generator = SchemaGenerator::new(SchemaSettings::openapi3());
    generator.subschema_for::<T>();
    generator.take_definitions(true)
}

pub(super) fn object_meta() -> Arc<Node> {
    read(&definitions::<ObjectMeta>(), &ObjectMeta::schema_name())
}

/// The definitions of `metadata`, of objects and of lists.
pub(crate) fn metadata_definitions() -> Map<String, Value> {
    let mut all = definitions::<ObjectMeta>();
    all.extend(definitions::<ListMeta>());
    all
}

/// The tree of one definition.
pub(super) fn read(definitions: &Map<String, Value>, name: &str) -> Arc<Node> {
    Reader { definitions, known: HashMap::new() }.definition(name)
}

struct Reader<'a> {
    definitions: &'a Map<String, Value>,
    /// `None` while it is being read: a definition within itself.
    known: HashMap<String, Option<Arc<Node>>>,
}

impl Reader<'_> {
    fn definition(&mut self, name: &str) -> Arc<Node> {
        match self.known.get(name) {
            Some(Some(node)) => return node.clone(),
            Some(None) => return Arc::default(),
            None => {}
        }
        self.known.insert(name.into(), None);
        let short = name.rsplit('.').next().unwrap_or(name);
        let definitions = self.definitions;
        let node = definitions.get(name).map_or_else(Node::default, |schema| self.node(schema, short));
        let node = Arc::new(node);
        self.known.insert(name.into(), Some(node.clone()));
        node
    }

    fn field(&mut self, schema: &Value, owner: &str, name: &str) -> Arc<Node> {
        let mut node = match reference(schema) {
            Some(reference) => self.definition(reference),
            None => Arc::new(self.node(schema, "")),
        };
        if lists::always_present(owner, name) {
            let kind = match Arc::try_unwrap(node) {
                Ok(own) => own,
                Err(shared) => copy(&shared),
            };
            node = Arc::new(Node { always_present: true, ..kind });
        }
        node
    }

    fn node(&mut self, schema: &Value, owner: &str) -> Node {
        if schema["x-kubernetes-int-or-string"] == true {
            return Node::new(Kind::IntOrString);
        }
        Node::new(match schema["type"].as_str() {
            Some("boolean") => Kind::Boolean,
            Some("integer") => Kind::Integer,
            Some("number") => Kind::Number,
            Some("string") => Kind::String,
            Some("array") => Kind::Array(Array { items: self.field(&schema["items"], "", ""), list: List::Atomic }),
            Some("object") => self.object(schema, owner),
            _ => Kind::Any,
        })
    }

    fn object(&mut self, schema: &Value, owner: &str) -> Kind {
        let others = match &schema["additionalProperties"] {
            others if others.is_object() => Others::Of(self.field(others, "", "")),
            _ => Others::Unknown,
        };
        let fields = schema["properties"].as_object();
        if fields.is_none() && matches!(others, Others::Unknown) {
            return Kind::Any;
        }
        let fields = fields.into_iter().flatten().map(|(name, schema)| {
            let node = self.field(schema, owner, name);
            (name.as_str().into(), self.shared(owner, name, node))
        });
        Kind::Object(Object { fields: fields.collect(), others, required: Vec::new(), atomic: lists::is_atomic(owner) })
    }

    /// A list or map with what is known of how writers share it.
    fn shared(&self, owner: &str, name: &str, node: Arc<Node>) -> Arc<Node> {
        if let (Some(list), Kind::Array(array)) = (lists::list(owner, name), &node.kind) {
            let array = Array { items: array.items.clone(), list };
            return Arc::new(Node { always_present: node.always_present, ..Node::new(Kind::Array(array)) });
        }
        if let (true, Kind::Object(object)) = (lists::is_atomic_map(owner, name), &node.kind) {
            let object = Object { others: object.others.clone(), atomic: true, ..Object::default() };
            return Arc::new(Node::new(Kind::Object(object)));
        }
        node
    }
}

/// Nodes of definitions are shared; one that differs at one place is a copy of the first level.
fn copy(node: &Node) -> Node {
    Node::new(match &node.kind {
        Kind::Any => Kind::Any,
        Kind::Boolean => Kind::Boolean,
        Kind::Integer => Kind::Integer,
        Kind::Number => Kind::Number,
        Kind::String => Kind::String,
        Kind::IntOrString => Kind::IntOrString,
        Kind::Array(array) => Kind::Array(Array { items: array.items.clone(), list: array.list.clone() }),
        Kind::Object(object) => Kind::Object(Object {
            fields: object.fields.clone(),
            others: object.others.clone(),
            required: object.required.clone(),
            atomic: object.atomic,
        }),
    })
}

fn reference(schema: &Value) -> Option<&str> {
    let direct = schema["$ref"].as_str();
    direct.or_else(|| schema["allOf"][0]["$ref"].as_str())?.strip_prefix(REFERENCE)
}
