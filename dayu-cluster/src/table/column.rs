//! A column, and how its cells are made.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::path::Path;
use super::scalar::{age_of, or};

#[derive(Debug, Clone)]
pub(super) struct Column {
    name: String,
    data_type: String,
    format: String,
    description: String,
    priority: i64,
    cell: Cell,
}

#[derive(Debug, Clone)]
enum Cell {
    /// From an object and the time.
    Made(fn(&Value, Timestamp) -> Value),
    /// A text at a place, or a stand-in.
    Text {
        pointer: &'static str,
        absent: &'static str,
    },
    At(Path),
    Age(Path),
}

impl Column {
    /// A column that is always shown.
    pub(super) fn new(name: &str, data_type: &str, cell: fn(&Value, Timestamp) -> Value) -> Self {
        Self {
            name: name.into(),
            data_type: data_type.into(),
            format: String::new(),
            description: String::new(),
            priority: 0,
            cell: Cell::Made(cell),
        }
    }

    /// The text at a JSON pointer.
    pub(super) fn text(name: &str, pointer: &'static str, absent: &'static str) -> Self {
        let column = Self::new(name, "string", |_, _| Value::Null);
        Self { cell: Cell::Text { pointer, absent }, ..column }
    }

    /// The instant of creation.
    pub(super) fn created_at() -> Self {
        let column = Self::text("Created At", "/metadata/creationTimestamp", "");
        Self { data_type: "date".into(), ..column }
    }

    /// Shown with `-o wide` only.
    pub(super) fn wide(self) -> Self {
        Self { priority: 1, ..self }
    }

    pub(super) fn name() -> Self {
        let description = "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";
        let column = Self::new("Name", "string", |object, _| object["metadata"]["name"].clone());
        Self { format: "name".into(), description: description.into(), ..column }
    }

    pub(super) fn age() -> Self {
        Self::new("Age", "string", |object, now| age_of(&object["metadata"]["creationTimestamp"], now))
    }

    pub(super) fn declared(declared: &Value) -> Self {
        let text = |field: &str| declared[field].as_str().unwrap_or_default().to_owned();
        let path = Path::parse(&text("jsonPath")).ok();
        let cell = match (path, declared["type"] == "date") {
            (Some(path), true) => Cell::Age(path),
            (Some(path), false) => Cell::At(path),
            (None, _) => Cell::Made(|_, _| Value::Null),
        };
        Self {
            name: text("name"),
            data_type: text("type"),
            format: text("format"),
            description: match text("description") {
                none if none.is_empty() => {
                    format!("Custom resource definition column (in JSONPath format): {}", text("jsonPath"))
                }
                said => said,
            },
            priority: declared["priority"].as_i64().unwrap_or_default(),
            cell,
        }
    }

    pub(super) fn definition(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.data_type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        })
    }

    pub(super) fn cell(&self, object: &Value, now: Timestamp) -> Value {
        match &self.cell {
            Cell::Made(make) => make(object, now),
            Cell::Text { pointer, absent } => or(object.pointer(pointer).unwrap_or(&Value::Null), absent).into(),
            Cell::Age(path) => {
                path.first(object).filter(|time| !time.is_null()).map_or(Value::Null, |time| age_of(time, now))
            }
            Cell::At(path) => self.value(&path.find(object)),
        }
    }

    /// One value of the declared type; several become a text.
    fn value(&self, found: &[&Value]) -> Value {
        let found = match found {
            [] | [Value::Null] => return Value::Null,
            [one] => *one,
            // Only the first counts, as a real server has it.
            [first, ..] => *first,
        };
        match (self.data_type.as_str(), found) {
            ("integer", Value::Number(number)) => number.as_i64().map_or(Value::Null, Value::from),
            ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => found.clone(),
            ("integer" | "number" | "boolean", _) => Value::Null,
            (_, Value::String(text)) => text.as_str().into(),
            (_, other) => other.to_string().into(),
        }
    }
}
