//! Strategic merge patch: a merge patch that merges the lists of built-in kinds item by item.

use serde_json::{Map, Value};

use super::merge::{Strategy, strategy};

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StrategicError {
    #[error("unknown patch type: {0} in map: use merge, replace or delete")]
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
        let orders: Vec<_> = patch.iter().filter_map(|(field, order)| Order::read(field, order, value)).collect();
        for (field, wanted) in patch {
            if let Some(list) = field.strip_prefix("$deleteFromPrimitiveList/") {
                remove_from(value, list, wanted);
            } else if !field.starts_with('$') {
                self.field(value, field, wanted, name)?;
            }
        }
        for Order { list, wanted, before } in orders {
            if let Some(Value::Array(items)) = value.get_mut(list) {
                sort(items, wanted, &before, strategy(self.kind, name, list));
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
        let before = items.clone();
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
        sort(items, patch, &before, strategy);
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

/// The order that a patch wants a list in.
struct Order<'a> {
    list: &'a str,
    wanted: &'a [Value],
    /// The list as it was.
    before: Vec<Value>,
}

impl<'a> Order<'a> {
    fn read(field: &'a str, order: &'a Value, value: &Map<String, Value>) -> Option<Self> {
        let (list, wanted) = (field.strip_prefix("$setElementOrder/")?, order.as_array()?);
        Some(Self { list, wanted, before: value.get(list).and_then(Value::as_array).cloned().unwrap_or_default() })
    }
}

/// Orders what the patch names as the patch does. What it does not name keeps its order, and each comes before the
/// first named item that it was before.
fn sort(items: &mut Vec<Value>, wanted: &[Value], before: &[Value], strategy: Strategy) {
    let same = |one: &Value, other: &Value| match strategy {
        Strategy::By(key) => one[key] == other[key],
        Strategy::Unite | Strategy::Replace => one == other,
    };
    let place = |list: &[Value], item: &Value| list.iter().position(|one| same(one, item));
    let (mut named, others): (Vec<Value>, Vec<Value>) =
        std::mem::take(items).into_iter().partition(|item| place(wanted, item).is_some());
    named.sort_by_key(|item| place(wanted, item));
    let mut named = named.into_iter().peekable();
    for other in others {
        let was = place(before, &other);
        let earlier = |next: &Value| place(before, next).is_some_and(|next| was.is_some_and(|was| was < next));
        items.extend(std::iter::from_fn(|| named.next_if(|next| !earlier(next))));
        items.push(other);
    }
    items.extend(named);
}
