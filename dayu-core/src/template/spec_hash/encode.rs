//! Go's `encoding/json`, for values of which only the JSON and the Go kind are known.
use serde_json::{Map, Value};

use super::{Field, Fields, Kind, quantity};

static NOTHING: Value = Value::Null;

/// Writes the struct that `value` holds, field by field in the order of declaration.
pub(super) fn structure(out: &mut String, fields: Fields, value: &Value) {
    let object = value.as_object();
    let mut members = Members::begin(out);
    for Field { name, vanishes, kind } in fields {
        let value = object.and_then(|object| object.get(*name)).unwrap_or(&NOTHING);
        if !(*vanishes && is_zero(kind, value)) {
            members.key(name);
            encode(members.out, kind, value);
        }
    }
    for (name, value) in object.into_iter().flat_map(later) {
        if !fields.iter().any(|field| field.name == name) && !value.is_null() {
            members.key(name);
            raw(members.out, value);
        }
    }
    members.end();
}

/// Members sorted by key, whatever the map's own order.
fn later(object: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    let mut members: Vec<_> = object.iter().collect();
    members.sort_unstable_by_key(|(key, _)| *key);
    members.into_iter()
}

fn encode(out: &mut String, kind: &Kind, value: &Value) {
    match (kind, value) {
        (Kind::Struct(fields), value) => structure(out, fields, value),
        (Kind::Quantity, Value::String(text)) => string(out, &quantity::canonical(text)),
        (Kind::Quantity, Value::Number(number)) => string(out, &quantity::canonical(&number.to_string())),
        (Kind::Quantity, _) => string(out, "0"),
        (Kind::Text, Value::Null) => string(out, ""),
        (Kind::Flag, Value::Null) => out.push_str("false"),
        (Kind::Number | Kind::Either, Value::Null) => out.push('0'),
        (Kind::Pointer(_) | Kind::List(_) | Kind::Map(_), Value::Null) => out.push_str("null"),
        (Kind::Pointer(inner), value) => encode(out, inner, value),
        (Kind::List(inner), Value::Array(items)) => list(out, items, |out, item| encode(out, inner, item)),
        (Kind::Map(inner), Value::Object(object)) => map(out, object, |out, value| encode(out, inner, value)),
        (_, value) => raw(out, value),
    }
}

/// What Go's `omitempty` leaves out. Structs are never empty to it, and a pointer is whenever it points nowhere.
fn is_zero(kind: &Kind, value: &Value) -> bool {
    match (kind, value) {
        (Kind::Struct(_) | Kind::Quantity | Kind::Either | Kind::Time, _) => false,
        (_, Value::Null) => true,
        (Kind::Pointer(_), _) => false,
        (_, Value::Bool(flag)) => !flag,
        (_, Value::Number(number)) => number.as_i64() == Some(0),
        (_, Value::String(text)) => text.is_empty(),
        (_, Value::Array(items)) => items.is_empty(),
        (_, Value::Object(object)) => object.is_empty(),
    }
}

fn raw(out: &mut String, value: &Value) {
    match value {
        Value::String(text) => string(out, text),
        Value::Array(items) => list(out, items, raw),
        Value::Object(object) => map(out, object, raw),
        plain => out.push_str(&plain.to_string()),
    }
}

fn list(out: &mut String, items: &[Value], mut each: impl FnMut(&mut String, &Value)) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        each(out, item);
    }
    out.push(']');
}

fn map(out: &mut String, object: &Map<String, Value>, mut each: impl FnMut(&mut String, &Value)) {
    let mut members = Members::begin(out);
    for (key, value) in later(object) {
        members.key(key);
        each(members.out, value);
    }
    members.end();
}

/// An object that is being written.
struct Members<'a> {
    out: &'a mut String,
    first: bool,
}

impl<'a> Members<'a> {
    fn begin(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, first: true }
    }

    fn key(&mut self, key: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(',');
        }
        string(self.out, key);
        self.out.push(':');
    }

    fn end(self) {
        self.out.push('}');
    }
}

/// A string as Go escapes it: for HTML too, and for JavaScript's line separators.
fn string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
}
