//! Server-side apply, whatever is applied in whatever order.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::fields::FieldSet;
use super::*;

/// A manifest with some of a few fields, so that managers meet.
fn manifest() -> impl Strategy<Value = Value> {
    let labels = proptest::collection::btree_map("[ab]", "[xy]", 0..3);
    let names = prop::sample::subsequence(vec!["c1", "c2", "c3"], 0..=3).prop_shuffle();
    let details = (prop::option::of("[ij]"), prop::sample::subsequence(vec![80, 81], 0..=2));
    let containers = (names, proptest::collection::vec(details, 3));
    (labels, prop::option::of(1..3i32), containers).prop_map(|(labels, replicas, (names, details))| {
        let mut object = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "x" } });
        if !labels.is_empty() {
            object["metadata"]["labels"] = json!(labels);
        }
        if let Some(replicas) = replicas {
            object["spec"]["replicas"] = replicas.into();
        }
        let containers: Vec<Value> =
            names.iter().zip(details).map(|(name, (image, ports))| container(name, image, &ports)).collect();
        if !containers.is_empty() {
            object["spec"]["template"]["spec"]["containers"] = containers.into();
        }
        object
    })
}

fn container(name: &str, image: Option<String>, ports: &[i32]) -> Value {
    let mut container = json!({ "name": name });
    if let Some(image) = image {
        container["image"] = image.into();
    }
    if !ports.is_empty() {
        container["ports"] = ports.iter().map(|port| json!({ "containerPort": port })).collect();
    }
    container
}

fn writes() -> impl Strategy<Value = Vec<(usize, bool, Value)>> {
    proptest::collection::vec((0..3usize, any::<bool>(), manifest()), 1..8)
}

const MANAGERS: [&str; 3] = ["a", "b", "c"];

/// The object after all writes; refused ones are left out.
fn after(writes: &[(usize, bool, Value)]) -> Option<Value> {
    let mut live: Option<Value> = None;
    for (manager, force, applied) in writes {
        if let Ok(object) = apply(live.as_ref(), applied, writer(MANAGERS[*manager]), *force, &deployments()) {
            live = Some(object);
        }
    }
    live
}

/// Everything in `part` is in `whole`, list items by name.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, value)| whole.get(name).is_some_and(|whole| contains(whole, value)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            part.iter().all(|item| whole.iter().any(|candidate| contains(candidate, item)))
        }
        _ => whole == part,
    }
}

fn sets(object: &Value) -> Vec<(Value, FieldSet)> {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    entries.iter().map(|entry| (entry["manager"].clone(), FieldSet::parse(entry["fieldsV1"].clone()))).collect()
}

proptest! {
    #[test]
    fn a_set_is_within_another_if_all_of_it_is_in_both(writes in writes()) {
        let sets = after(&writes).map(|object| sets(&object)).unwrap_or_default();
        for (_, one) in &sets {
            for (_, other) in &sets {
                prop_assert_eq!(one.places().is_within(other.places()), one.intersection(other) == *one);
            }
        }
    }

    #[test]
    fn applying_twice_is_applying_once(writes in writes(), last in manifest(), manager in 0..3usize) {
        let live = after(&writes);
        let once = apply(live.as_ref(), &last, writer(MANAGERS[manager]), true, &deployments()).unwrap();
        let twice = apply(Some(&once), &last, writer(MANAGERS[manager]), false, &deployments()).unwrap();
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn what_is_applied_is_there(writes in writes(), last in manifest(), manager in 0..3usize) {
        let live = after(&writes);
        let object = apply(live.as_ref(), &last, writer(MANAGERS[manager]), true, &deployments()).unwrap();
        prop_assert!(contains(&object, &last), "{} lacks {}", object, last);
    }

    #[test]
    fn owners_share_only_equal_values(writes in writes(), last in manifest()) {
        // Whoever applies without a conflict after others agrees with them on what they share.
        let Some(live) = after(&writes) else { return Ok(()) };
        if let Ok(object) = apply(Some(&live), &last, writer("new"), false, &deployments()) {
            for (manager, set) in sets(&live) {
                let kept = sets(&object).into_iter().find(|(name, _)| *name == manager);
                prop_assert_eq!(kept.map(|(_, set)| set), Some(set));
            }
        }
    }

    #[test]
    fn what_one_alone_owned_goes_with_it(writes in writes(), applied in manifest()) {
        let with = apply(after(&writes).as_ref(), &applied, writer("alone"), true, &deployments()).unwrap();
        let nothing = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "x" } });
        let without = apply(Some(&with), &nothing, writer("alone"), false, &deployments()).unwrap();
        let mut others = FieldSet::default();
        for (manager, set) in sets(&with) {
            if manager != "alone" {
                others.union(&set);
            }
        }
        let mut left = FieldSet::default();
        sets(&without).iter().for_each(|(_, set)| left.union(set));
        prop_assert_eq!(&left, &others);
        if others.is_empty() {
            prop_assert_eq!(without.get("spec"), None);
            prop_assert_eq!(without["metadata"].get("labels"), None);
        }
    }

    #[test]
    fn owners_survive_their_encoding(writes in writes()) {
        for (_, set) in sets(&after(&writes).unwrap_or_default()) {
            prop_assert_eq!(FieldSet::parse(set.clone().into_value()), set);
        }
    }
}
