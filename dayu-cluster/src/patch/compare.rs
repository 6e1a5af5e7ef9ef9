//! What a write changed.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::fields::{self, FieldSet};
use super::typed::identity;
use crate::schema::{Array, Kind, List, Node};

/// The difference between two values.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// What is new or has another value.
    pub(super) set: FieldSet,
    /// What is no more.
    pub(super) removed: FieldSet,
}

impl Changes {
    pub(super) fn is_none(&self) -> bool {
        self.set.is_empty() && self.removed.is_empty()
    }

    fn attach(&mut self, step: String, below: Below) {
        let [set, removed] = below.changes;
        self.set.attach(step.clone(), below.is_set, set);
        self.removed.attach(step, below.is_removed, removed);
    }
}

/// What happened at and below one place.
#[derive(Default)]
struct Below {
    is_set: bool,
    is_removed: bool,
    changes: [FieldSet; 2],
}

impl Below {
    fn inner(is_set: bool, is_removed: bool, changes: Changes) -> Self {
        Self { is_set, is_removed, changes: [changes.set, changes.removed] }
    }
}

pub(super) fn compare(node: &Node, old: &Value, new: &Value) -> Changes {
    let below = place(node, Some(old), Some(new));
    let [set, removed] = below.changes;
    Changes { set, removed }
}

fn place(node: &Node, old: Option<&Value>, new: Option<&Value>) -> Below {
    if old == new {
        return Below::default();
    }
    let (is_set, is_removed) = (old.is_none(), new.is_none());
    let nothing = is_empty(old) && is_empty(new);
    let granular = match &node.kind {
        _ if nothing => None,
        Kind::Object(object) if !object.atomic => fields_of(node, old, new),
        Kind::Any if node.preserve_unknown && old.or(new).is_some_and(Value::is_object) => fields_of(node, old, new),
        Kind::Array(array) if array.list != List::Atomic => items(array, old, new),
        _ => None,
    };
    match granular {
        Some(changes) => Below::inner(is_set, is_removed, changes),
        None if nothing && node.always_present && old.is_some() && new.is_some() => Below::default(),
        None => Below { is_set: new.is_some(), is_removed: new.is_none(), ..Below::default() },
    }
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    }
}

/// `None` where one of both is no object: then the place is one piece.
fn fields_of(node: &Node, old: Option<&Value>, new: Option<&Value>) -> Option<Changes> {
    let object = |value: Option<&'_ Value>| matches!(value, None | Some(Value::Object(_) | Value::Null));
    if !object(old) || !object(new) {
        return None;
    }
    let (old, new) = (old.and_then(Value::as_object), new.and_then(Value::as_object));
    let mut changes = Changes::default();
    let mut visit = |name: &str, before: Option<&Value>, after: Option<&Value>| {
        if before == after {
            return;
        }
        let below = match node.field(name) {
            Some((field, _)) => {
                let before = before.or_else(|| unset(field).filter(|_| old.is_some()));
                let after = after.or_else(|| unset(field).filter(|_| new.is_some()));
                place(field, before, after)
            }
            None => place(unknown(), before, after),
        };
        changes.attach(fields::field(name), below);
    };
    for (name, before) in old.into_iter().flatten() {
        visit(name, Some(before), new.and_then(|new| new.get(name)));
    }
    for (name, after) in new.into_iter().flatten() {
        if old.is_none_or(|old| !old.contains_key(name)) {
            visit(name, None, Some(after));
        }
    }
    Some(changes)
}

/// What the encoding has where nothing was set: what comes into it does not create it.
fn unset(field: &Node) -> Option<&'static Value> {
    static NULL: Value = Value::Null;
    static OBJECT: LazyLock<Value> = LazyLock::new(|| Value::Object(Map::new()));
    match field.kind {
        _ if !field.always_present => None,
        Kind::Object(_) => Some(&OBJECT),
        _ => Some(&NULL),
    }
}

/// The schema of a field that no schema knows.
fn unknown() -> &'static Node {
    static UNKNOWN: LazyLock<Node> = LazyLock::new(|| Node { preserve_unknown: true, ..Node::default() });
    &UNKNOWN
}

fn items(array: &Array, old: Option<&Value>, new: Option<&Value>) -> Option<Changes> {
    let list = |value: Option<&'_ Value>| matches!(value, None | Some(Value::Array(_) | Value::Null));
    if !list(old) || !list(new) {
        return None;
    }
    let (before, after) = (by_identity(array, old), by_identity(array, new));
    let mut changes = Changes::default();
    for (step, item) in &before {
        changes.attach(step.clone(), place(&array.items, Some(item), after.get(step).copied()));
    }
    for (step, item) in &after {
        if !before.contains_key(step) {
            changes.attach(step.clone(), place(&array.items, None, Some(item)));
        }
    }
    Some(changes)
}

/// Of items that say they are the same, the first counts.
fn by_identity<'a>(array: &Array, list: Option<&'a Value>) -> BTreeMap<String, &'a Value> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    let mut found = BTreeMap::new();
    for item in items {
        if let Some(step) = identity(&array.list, item) {
            found.entry(step).or_insert(item);
        }
    }
    found
}
