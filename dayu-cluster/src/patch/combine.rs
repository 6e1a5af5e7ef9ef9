//! Putting what is applied over what is there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::typed::{identity, is_same};
use crate::schema::{Array, Kind, List, Node};

/// Puts `applied` over `live`.
pub(super) fn combine(node: &Node, live: &mut Value, applied: &Value) {
    match (&node.kind, &mut *live, applied) {
        (Kind::Object(object), Value::Object(live), Value::Object(applied)) if !object.atomic => {
            fields(node, live, applied);
        }
        (Kind::Any, Value::Object(live), Value::Object(applied)) if node.preserve_unknown => {
            fields(node, live, applied);
        }
        (Kind::Array(array), Value::Array(live), Value::Array(applied)) if array.list != List::Atomic => {
            *live = items(array, std::mem::take(live), applied);
        }
        // Nothing said of what has parts says nothing of them.
        (Kind::Object(_) | Kind::Array(_), _, Value::Null) => {}
        (_, live, applied) => {
            if live != applied {
                *live = applied.clone();
            }
        }
    }
}

fn fields(node: &Node, live: &mut Map<String, Value>, applied: &Map<String, Value>) {
    for (name, applied) in applied {
        match (live.get_mut(name), node.field(name)) {
            (Some(live), Some((field, _))) => combine(field, live, applied),
            (Some(Value::Object(live)), None) if applied.is_object() => {
                fields(node, live, applied.as_object().unwrap_or(&Map::new()));
            }
            _ => {
                live.insert(name.clone(), applied.clone());
            }
        }
    }
}

/// Items keep the order in which they are applied; those that only live has stay beside their neighbours.
fn items(array: &Array, live: Vec<Value>, applied: &[Value]) -> Vec<Value> {
    if live.len() == applied.len()
        && live.iter().zip(applied).all(|(live, applied)| is_same(&array.list, live, applied))
    {
        return merged(array, live, applied);
    }
    let steps =
        |items: &[Value]| -> Vec<Option<String>> { items.iter().map(|item| identity(&array.list, item)).collect() };
    let (live_steps, applied_steps) = (steps(&live), steps(applied));
    let in_applied: BTreeSet<&String> = applied_steps.iter().flatten().collect();
    let mut in_live: BTreeMap<&String, Value> = BTreeMap::new();
    let mut others: BTreeMap<usize, Value> = BTreeMap::new();
    for (index, item) in live.into_iter().enumerate() {
        match &live_steps[index] {
            // Of items that say they are the same, the first counts.
            Some(step) if in_applied.contains(step) => {
                in_live.entry(step).or_insert(item);
            }
            _ => {
                others.insert(index, item);
            }
        }
    }
    let shared: Vec<&String> = applied_steps.iter().flatten().filter(|step| in_live.contains_key(step)).collect();
    let mut shared = shared.into_iter().peekable();
    let mut left = 0;
    let mut result = Vec::with_capacity(others.len() + applied.len());
    for (step, item) in applied_steps.iter().zip(applied) {
        // Up to the next shared item, live's own go first. A shared one stands where the applied order wants it; where it
        // stands here it is passed over.
        while left < live_steps.len() {
            if let Some(own) = others.remove(&left) {
                result.push(own);
            } else if live_steps[left].as_ref() == shared.peek().copied() {
                break;
            }
            left += 1;
        }
        let known = step.as_ref().and_then(|step| in_live.remove(step));
        if step.is_some() && shared.peek().copied() == step.as_ref() {
            shared.next();
            left += 1;
        }
        result.push(match known {
            Some(mut live) => {
                combine(&array.items, &mut live, item);
                live
            }
            None => item.clone(),
        });
    }
    result.extend(others.into_values());
    result
}

/// The same items in the same order.
fn merged(array: &Array, mut live: Vec<Value>, applied: &[Value]) -> Vec<Value> {
    for (live, applied) in live.iter_mut().zip(applied) {
        combine(&array.items, live, applied);
    }
    live
}
