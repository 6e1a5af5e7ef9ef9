//! Putting what is applied over what is there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::fields::Step;
use super::typed::identity;
use crate::schema::{Array, Kind, List, Node};

/// `live` with `applied` over it.
pub(super) fn combine(node: &Node, live: &Value, applied: &Value) -> Value {
    match (&node.kind, live, applied) {
        (Kind::Object(object), Value::Object(_), Value::Object(_)) if !object.atomic => fields(node, live, applied),
        (Kind::Any, Value::Object(_), Value::Object(_)) if node.preserve_unknown => fields(node, live, applied),
        (Kind::Array(array), Value::Array(live), Value::Array(applied)) if array.list != List::Atomic => {
            Value::Array(items(array, live, applied))
        }
        (Kind::Object(_) | Kind::Array(_), live, Value::Null) => live.clone(),
        _ => applied.clone(),
    }
}

fn fields(node: &Node, live: &Value, applied: &Value) -> Value {
    let mut result = live.clone();
    let Some(fields) = result.as_object_mut() else { return result };
    for (name, applied) in applied.as_object().into_iter().flatten() {
        let combined = match (live.get(name), node.field(name)) {
            (Some(live), Some((field, _))) => combine(field, live, applied),
            (Some(live), None) if live.is_object() && applied.is_object() => self::fields(node, live, applied),
            _ => applied.clone(),
        };
        fields.insert(name.clone(), combined);
    }
    result
}

/// Items keep the order in which they are applied; those that only live has stay beside their neighbours.
fn items(array: &Array, live: &[Value], applied: &[Value]) -> Vec<Value> {
    let steps =
        |items: &[Value]| -> Vec<Option<Step>> { items.iter().map(|item| identity(&array.list, item)).collect() };
    let (live_steps, applied_steps) = (steps(live), steps(applied));
    let place = |steps: &[Option<Step>]| -> BTreeMap<Step, usize> {
        let known = steps.iter().enumerate().rev().filter_map(|(index, step)| Some((step.clone()?, index)));
        known.collect()
    };
    let (in_live, in_applied) = (place(&live_steps), place(&applied_steps));
    let mut shared = applied_steps.iter().flatten().filter(|step| in_live.contains_key(*step)).peekable();
    let (mut left, mut right) = (0, 0);
    let mut taken = BTreeSet::new();
    let mut result = Vec::with_capacity(live.len() + applied.len());
    while left < live.len() || right < applied.len() {
        if left < live.len() {
            let step = live_steps[left].as_ref();
            if step.is_none_or(|step| !in_applied.contains_key(step)) {
                result.push(live[left].clone());
                left += 1;
                continue;
            }
            // A shared item stands where the applied order wants it; passed over where it stands here.
            let wanted = shared.peek().copied();
            if step != wanted || step.is_some_and(|step| taken.contains(step)) {
                left += 1;
                continue;
            }
        }
        let Some(item) = applied.get(right) else { break };
        match applied_steps[right].as_ref() {
            Some(step) => {
                let known = in_live.get(step).and_then(|index| live.get(*index));
                result.push(known.map_or_else(|| item.clone(), |live| combine(&array.items, live, item)));
                if shared.peek() == Some(&step) {
                    if live_steps.get(left) == Some(&Some(step.clone())) {
                        left += 1;
                    }
                    shared.next();
                }
                taken.insert(step.clone());
            }
            None => result.push(item.clone()),
        }
        right += 1;
    }
    result
}
