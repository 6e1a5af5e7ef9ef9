//! Checking values against a schema, in the words of a Kubernetes API server.
//!
//! What an update leaves as it was is not looked at: it may be older than the schema, and what is wrong with it must not
//! keep anybody from changing the rest.

use std::collections::HashSet;

use serde_json::Value;

use super::assert::{self, is_integer};
use super::cause::{Cause, type_name};
use super::node::{Array, Kind, List, Node, Object, Others};
use super::path::Path;

/// All that is wrong with `value`, which stands at `path`, and was not so in `old`, which it takes the place of.
pub(super) fn validate(node: &Node, value: &Value, old: Option<&Value>, path: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    walk(node, value, old, &Path::Root(path), &mut causes);
    causes
}

fn walk(node: &Node, value: &Value, old: Option<&Value>, path: &Path<'_>, causes: &mut Vec<Cause>) {
    if old == Some(value) || value.is_null() && node.nullable {
        return;
    }
    if let Some(expected) = mismatch(&node.kind, value) {
        let found = type_name(value);
        causes.push(Cause::wrong_type(path, value, &format!("{path} in body must be of type {expected}: \"{found}\"")));
        return;
    }
    if let Some(limits) = &node.limits {
        assert::limits(limits, value, path, causes);
    }
    match (&node.kind, value) {
        (Kind::Object(object), Value::Object(_)) => fields(object, value, old, path, causes),
        (Kind::Array(array), Value::Array(items)) => list(array, items, old, path, causes),
        _ => {}
    }
    if node.embedded {
        embedded(value, path, causes);
    }
}

/// The type that the value should have.
fn mismatch(kind: &Kind, value: &Value) -> Option<&'static str> {
    match kind {
        Kind::Any => None,
        Kind::Boolean => (!value.is_boolean()).then_some("boolean"),
        Kind::Integer => (!is_integer(value)).then_some("integer"),
        Kind::Number => (!value.is_number()).then_some("number"),
        Kind::String => (!value.is_string()).then_some("string"),
        Kind::IntOrString => (!value.is_string() && !is_integer(value)).then_some("integer,string"),
        Kind::Object(_) => (!value.is_object()).then_some("object"),
        Kind::Array(_) => (!value.is_array()).then_some("array"),
    }
}

fn fields(object: &Object, value: &Value, old: Option<&Value>, path: &Path<'_>, causes: &mut Vec<Cause>) {
    for name in &object.required {
        if value.get(&**name).is_none() {
            causes.push(Cause::required(&path.field(name), ""));
        }
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        let field = match (object.fields.get(name.as_str()), &object.others) {
            (Some(field), _) => field,
            (None, Others::Of(other)) => other,
            (None, Others::Unknown) => continue,
        };
        walk(field, value, old.and_then(|old| old.get(name)), &path.field(name), causes);
    }
}

fn list(array: &Array, items: &[Value], old: Option<&Value>, path: &Path<'_>, causes: &mut Vec<Cause>) {
    let before = old.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (index, item) in items.iter().enumerate() {
        // Only items with keys are known to be the same as before; most stand where they stood.
        let same = |old: &&Value| array.list.keys_agree(old, item);
        let old = before.get(index).filter(same).or_else(|| before.iter().find(same));
        walk(&array.items, item, old, &path.item(index), causes);
    }
    let mut seen = HashSet::new();
    for (index, item) in items.iter().enumerate() {
        let identity = match &array.list {
            List::Atomic => return,
            List::Set => item.clone(),
            List::Map(keys) => {
                let said = keys.iter().filter_map(|key| {
                    let value = item.get(&*key.name).or(key.default.as_ref())?;
                    Some(((*key.name).to_owned(), value.clone()))
                });
                Value::Object(said.collect())
            }
        };
        if !seen.insert(identity.to_string()) {
            causes.push(Cause::duplicate(&path.item(index), &identity));
        }
    }
}

fn embedded(value: &Value, path: &Path<'_>, causes: &mut Vec<Cause>) {
    for name in ["apiVersion", "kind"] {
        match &value[name] {
            Value::String(text) if !text.is_empty() => {}
            Value::String(_) | Value::Null => causes.push(Cause::required(&path.field(name), "must not be empty")),
            other => {
                let found = type_name(other);
                let field = path.field(name).to_string();
                let detail = format!("{field} in body must be of type string: \"{found}\"");
                causes.push(Cause::wrong_type(field, other, &detail));
            }
        }
    }
}
