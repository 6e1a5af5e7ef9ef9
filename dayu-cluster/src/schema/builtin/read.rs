//! From the published definitions to schema trees.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;
use serde_json::Value;

use super::{lists, openapi};
use crate::schema::limits::Limits;
use crate::schema::node::{Array, Kind, List, Node, Object, Others};

/// What has been read, once for all kinds: they are made of the same parts.
static KNOWN: LazyLock<Mutex<HashMap<Box<str>, Arc<Node>>>> = LazyLock::new(Mutex::default);

/// The tree of one definition.
pub(super) fn read(name: &str) -> Arc<Node> {
    Reader { known: &mut KNOWN.lock(), within: HashSet::new() }.definition(name)
}

/// Most fields are one of these, and need no tree of their own.
struct Scalars {
    any: Arc<Node>,
    boolean: Arc<Node>,
    integer: Arc<Node>,
    number: Arc<Node>,
    string: Arc<Node>,
    int_or_string: Arc<Node>,
    time: Arc<Node>,
    micro_time: Arc<Node>,
}

static SCALARS: LazyLock<Scalars> = LazyLock::new(|| {
    let of = |kind| Arc::new(Node::new(kind));
    let text = |format: &str| {
        let limits = Limits { format: Some(format.into()), ..Limits::default() };
        Arc::new(Node { limits: Some(Box::new(limits)), ..Node::new(Kind::String) })
    };
    Scalars {
        any: of(Kind::Any),
        boolean: of(Kind::Boolean),
        integer: of(Kind::Integer),
        number: of(Kind::Number),
        string: of(Kind::String),
        int_or_string: of(Kind::IntOrString),
        time: text("date-time"),
        micro_time: text("date-time-micro"),
    }
});

struct Reader<'a> {
    known: &'a mut HashMap<Box<str>, Arc<Node>>,
    /// The definitions that are being read. One within itself goes no further: anything is good there.
    within: HashSet<Box<str>>,
}

impl Reader<'_> {
    fn definition(&mut self, name: &str) -> Arc<Node> {
        if let Some(node) = self.known.get(name) {
            return node.clone();
        }
        if !self.within.insert(name.into()) {
            return Arc::default();
        }
        let short = name.rsplit('.').next().unwrap_or(name);
        let node = match short {
            "Time" => SCALARS.time.clone(),
            // Published as the other one is, and read more strictly.
            "MicroTime" => SCALARS.micro_time.clone(),
            _ => openapi::definition(name).map_or_else(Arc::default, |schema| self.node(&schema, short)),
        };
        self.within.remove(name);
        self.known.insert(name.into(), node.clone());
        node
    }

    fn field(&mut self, schema: &Value, owner: &str, name: &str) -> Arc<Node> {
        let node = match openapi::reference(schema) {
            Some(reference) => self.definition(reference),
            None => self.node(schema, ""),
        };
        if !lists::always_present(owner, name) {
            return node;
        }
        // Definitions are shared; one that differs at one place is a copy of the first level.
        Arc::new(Node { always_present: true, ..Node::new(node.kind.clone()) })
    }

    fn node(&mut self, schema: &Value, owner: &str) -> Arc<Node> {
        if schema["x-kubernetes-int-or-string"] == true {
            return SCALARS.int_or_string.clone();
        }
        match schema["type"].as_str() {
            Some("boolean") => SCALARS.boolean.clone(),
            Some("integer") => SCALARS.integer.clone(),
            Some("number") => SCALARS.number.clone(),
            Some("string") => SCALARS.string.clone(),
            Some("array") => {
                let items = self.field(&schema["items"], "", "");
                Arc::new(Node::new(Kind::Array(Array { items, list: List::Atomic })))
            }
            Some("object") => Arc::new(Node::new(self.object(schema, owner))),
            _ => SCALARS.any.clone(),
        }
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
