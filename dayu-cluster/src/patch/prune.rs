//! Removing what nobody owns any more.

use serde_json::Value;

use super::fields::Places;
use super::typed::identity;
use crate::schema::{Kind, List, Node};

/// Removes from `value` the places of `last` that nobody in `owned` has. Known containers count with what is in them:
/// they go when the last owner of anything in them goes.
pub(super) fn prune(node: &Node, value: &mut Value, last: Places<'_>, owned: &[Places<'_>]) {
    match (&node.kind, &mut *value) {
        (Kind::Array(array), Value::Array(items)) if array.list != List::Atomic => {
            items.retain_mut(|item| match identity(&array.list, item) {
                Some(step) => keep(Some(&array.items), item, &step, false, last, owned),
                None => true,
            });
        }
        (_, Value::Object(map)) => {
            for step in last.iter() {
                let Some(name) = step.strip_prefix("f:") else { continue };
                let Some(value) = map.get_mut(name) else { continue };
                let (field, known) = node.field(name).map_or((None, false), |(field, known)| (Some(&**field), known));
                if !keep(field, value, step, known, last, owned) {
                    map.remove(name);
                }
            }
        }
        _ => {}
    }
}

/// Whether a place stays; prunes below it if it does.
fn keep(
    node: Option<&Node>,
    value: &mut Value,
    step: &str,
    known: bool,
    last: Places<'_>,
    owned: &[Places<'_>],
) -> bool {
    let Some((was, below)) = last.at(step) else { return true };
    let owned: Vec<(bool, Places<'_>)> = owned.iter().filter_map(|places| places.at(step)).collect();
    let claimed = owned.iter().any(|(member, below)| *member || (known && !below.is_empty()));
    if (was || known) && !claimed {
        return false;
    }
    let owned: Vec<Places<'_>> = owned.into_iter().map(|(_, below)| below).collect();
    match node {
        Some(node) => prune(node, value, below, &owned),
        // Of what no schema knows.
        None => prune(&Node::default(), value, below, &owned),
    }
    true
}
