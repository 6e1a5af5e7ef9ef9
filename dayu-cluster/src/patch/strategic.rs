//! Strategic merge patch: a merge patch that merges the lists of built-in kinds item by item.

use serde_json::{Map, Value};

use super::merge::{Strategy, strategy};

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StrategicError {
    #[error("unrecognized directive $patch: {0}: use merge, replace or delete")]
    UnknownDirective(String),
    #[error("map: {item} does not contain declared merge key: {key}")]
    NoMergeKey { item: String, key: &'static str },
    #[error("invalid patch: {0} is no list")]
    NotAList(String),
}

/// Performs a strategic merge patch on an object of the built-in `kind`.
pub fn merge(kind: &str, value: &mut Value, patch: &Value) -> Result<(), StrategicError> {
    if let (Value::Object(fields), Value::Object(patch)) = (&mut *value, patch) {
        return Merge { kind }.object(fields, patch, "");
    }
    *value = patch.clone();
    Ok(())
}

struct Merge<'a> {
    kind: &'a str,
}

/// What `$patch` says of an object.
enum Directive {
    Merge,
    Replace,
    Delete,
}

fn directive(patch: &Map<String, Value>) -> Result<Directive, StrategicError> {
    match patch.get("$patch").map(|word| word.as_str().unwrap_or_default()) {
        None | Some("merge") => Ok(Directive::Merge),
        Some("replace") => Ok(Directive::Replace),
        Some("delete") => Ok(Directive::Delete),
        Some(other) => Err(StrategicError::UnknownDirective(other.into())),
    }
}

impl Merge<'_> {
    fn object(
        &self,
        value: &mut Map<String, Value>,
        patch: &Map<String, Value>,
        name: &str,
    ) -> Result<(), StrategicError> {
        match directive(patch)? {
            Directive::Merge => {}
            Directive::Replace => {
                value.clear();
                value.extend(plain(patch));
                return Ok(());
            }
            Directive::Delete => {
                value.clear();
                return Ok(());
            }
        }
        if let Some(Value::Array(keys)) = patch.get("$retainKeys") {
            value.retain(|field, _| keys.iter().any(|key| key == field));
        }
        for (field, wanted) in patch {
            if let Some(list) = field.strip_prefix("$deleteFromPrimitiveList/") {
                remove_from(value, list, wanted);
            } else if !field.starts_with('$') {
                self.field(value, field, wanted, name)?;
            }
        }
        for (field, order) in patch {
            if let (Some(list), Value::Array(order)) = (field.strip_prefix("$setElementOrder/"), order)
                && let Some(Value::Array(items)) = value.get_mut(list)
            {
                sort(items, order, strategy(self.kind, name, list));
            }
        }
        Ok(())
    }

    fn field(
        &self,
        value: &mut Map<String, Value>,
        field: &str,
        wanted: &Value,
        parent: &str,
    ) -> Result<(), StrategicError> {
        match wanted {
            Value::Null => {
                value.remove(field);
            }
            Value::Object(patch) => {
                let delete = matches!(directive(patch)?, Directive::Delete);
                if delete {
                    value.remove(field);
                    return Ok(());
                }
                let there = value.entry(field).or_insert_with(|| Value::Object(Map::new()));
                if !there.is_object() {
                    *there = Value::Object(Map::new());
                }
                if let Value::Object(there) = there {
                    self.object(there, patch, field)?;
                }
            }
            Value::Array(patch) => self.list(value, field, patch, parent)?,
            other => {
                value.insert(field.into(), other.clone());
            }
        }
        Ok(())
    }

    fn list(
        &self,
        value: &mut Map<String, Value>,
        field: &str,
        patch: &[Value],
        parent: &str,
    ) -> Result<(), StrategicError> {
        let there = value.entry(field).or_insert_with(|| Value::Array(Vec::new()));
        if there.is_null() {
            *there = Value::Array(Vec::new());
        }
        let Value::Array(items) = there else { return Err(StrategicError::NotAList(field.into())) };
        let strategy = strategy(self.kind, parent, field);
        let replace = patch.iter().any(|item| item["$patch"] == "replace");
        if replace || strategy == Strategy::Replace {
            *items = patch.iter().filter(|item| item.get("$patch").is_none()).map(plain_value).collect();
            return Ok(());
        }
        match strategy {
            Strategy::Replace => {}
            Strategy::Unite => {
                for item in patch {
                    if !items.contains(item) {
                        items.push(item.clone());
                    }
                }
            }
            Strategy::By(key) => {
                for item in patch {
                    self.item(items, item, key, field)?;
                }
            }
        }
        Ok(())
    }

    fn item(&self, items: &mut Vec<Value>, patch: &Value, key: &'static str, list: &str) -> Result<(), StrategicError> {
        let fields = patch.as_object().filter(|fields| fields.contains_key(key));
        let Some(fields) = fields else {
            return Err(StrategicError::NoMergeKey { item: patch.to_string(), key });
        };
        let found = items.iter().position(|item| item[key] == patch[key]);
        match (directive(fields)?, found) {
            (Directive::Delete, _) => items.retain(|item| item[key] != patch[key]),
            (Directive::Merge | Directive::Replace, Some(index)) => {
                if let Value::Object(item) = &mut items[index] {
                    self.object(item, fields, list)?;
                }
            }
            (Directive::Merge | Directive::Replace, None) => items.push(plain_value(patch)),
        }
        Ok(())
    }
}

/// A part of a patch as a value: without directives and nulls.
fn plain(patch: &Map<String, Value>) -> Map<String, Value> {
    let fields = patch.iter().filter(|(name, value)| !name.starts_with('$') && !value.is_null());
    fields.map(|(name, value)| (name.clone(), plain_value(value))).collect()
}

fn plain_value(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(plain(fields)),
        Value::Array(items) => items.iter().filter(|item| item["$patch"] != "delete").map(plain_value).collect(),
        other => other.clone(),
    }
}

fn remove_from(value: &mut Map<String, Value>, list: &str, unwanted: &Value) {
    if let (Some(Value::Array(items)), Value::Array(unwanted)) = (value.get_mut(list), unwanted) {
        items.retain(|item| !unwanted.contains(item));
    }
}

/// Orders what the patch names as the patch does; what it does not name keeps its neighbour before it.
fn sort(items: &mut Vec<Value>, order: &[Value], strategy: Strategy) {
    let place = |item: &Value| {
        order.iter().position(|wanted| match strategy {
            Strategy::By(key) => wanted[key] == item[key],
            Strategy::Unite | Strategy::Replace => wanted == item,
        })
    };
    // An item that the order does not name stays where it is among the others.
    let (named, others): (Vec<_>, Vec<_>) =
        std::mem::take(items).into_iter().enumerate().partition(|(_, item)| place(item).is_some());
    let mut named: Vec<Value> = named.into_iter().map(|(_, item)| item).collect();
    named.sort_by_key(place);
    for (index, item) in others {
        named.insert(index.min(named.len()), item);
    }
    *items = named;
}
