//! Removing what nobody owns any more.

use serde_json::Value;

use super::fields::{self, FieldSet};
use super::typed::identity;
use crate::schema::{Kind, List, Node};

/// Removes from `value` the places of `last` that nobody in `owned` has. Known containers count with what is in them:
/// they go when the last owner of anything in them goes.
pub(super) fn prune(node: &Node, value: &mut Value, last: &FieldSet, owned: &FieldSet) {
    match (&node.kind, &mut *value) {
        (Kind::Array(array), Value::Array(items)) if array.list != List::Atomic => {
            items.retain_mut(|item| match identity(&array.list, item) {
                Some(step) => keep(&array.items, item, &step, false, last, owned),
                None => true,
            });
        }
        (_, Value::Object(map)) => map.retain(|name, value| {
            let (field, known) = node.field(name).map_or((None, false), |(field, known)| (Some(field), known));
            static NOTHING: std::sync::LazyLock<Node> = std::sync::LazyLock::new(Node::default);
            keep(field.map_or(&*NOTHING, |field| field), value, &fields::field(name), known, last, owned)
        }),
        _ => {}
    }
}

/// Whether a place stays; prunes below it if it does.
fn keep(node: &Node, value: &mut Value, step: &str, known: bool, last: &FieldSet, owned: &FieldSet) -> bool {
    let Some(was) = last.below.get(step) else { return true };
    let is = owned.below.get(step);
    let claimed = is.is_some_and(|is| is.member || (known && !is.set.is_empty()));
    if (was.member || known) && !claimed {
        return false;
    }
    static NOBODY: FieldSet = FieldSet { below: std::collections::BTreeMap::new() };
    prune(node, value, &was.set, is.map_or(&NOBODY, |is| &is.set));
    true
}
