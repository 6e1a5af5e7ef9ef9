//! Sets of fields.
//!
//! A set is a tree. Its steps are kept as Kubernetes writes them (`f:spec`, `k:{"name":"a"}`, `v:1`): sets come from JSON
//! and go to JSON, and only ever compare steps.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value};

use crate::schema::Key;

/// One step down, in the form of `fieldsV1`.
pub type Step = Box<str>;

/// A set of fields below one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet {
    pub(super) below: BTreeMap<Step, Entry>,
}

/// A place, and what is below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// The place itself is in the set.
    pub(super) member: bool,
    pub(super) set: FieldSet,
}

impl FieldSet {
    pub fn is_empty(&self) -> bool {
        self.below.is_empty()
    }

    /// Reads `fieldsV1`. What is no object has no fields.
    pub fn parse(value: &Value) -> Self {
        let steps = value.as_object().into_iter().flatten().filter(|(step, _)| step.as_str() != ".");
        let below = steps.map(|(step, below)| {
            let fields = below.as_object();
            let member = fields.is_none_or(|fields| fields.is_empty() || fields.contains_key("."));
            (step.as_str().into(), Entry { member, set: Self::parse(below) })
        });
        Self { below: below.collect() }
    }

    /// Writes `fieldsV1`.
    pub fn to_value(&self) -> Value {
        let steps = self.below.iter().map(|(step, entry)| {
            let mut below = entry.set.to_value();
            if let (true, false, Value::Object(fields)) = (entry.member, entry.set.is_empty(), &mut below) {
                fields.insert(".".into(), Value::Object(Map::new()));
            }
            (step.to_string(), below)
        });
        Value::Object(steps.collect())
    }

    /// Adds a place.
    pub(super) fn insert(&mut self, step: Step) {
        self.below.entry(step).or_default().member = true;
    }

    /// Adds a place (if `member`) and what is below it.
    pub(super) fn attach(&mut self, step: Step, member: bool, set: Self) {
        if member || !set.is_empty() {
            self.below.insert(step, Entry { member, set });
        }
    }

    pub fn union(&mut self, other: &Self) {
        for (step, theirs) in &other.below {
            let ours = self.below.entry(step.clone()).or_default();
            ours.member |= theirs.member;
            ours.set.union(&theirs.set);
        }
    }

    pub fn subtract(&mut self, other: &Self) {
        if other.is_empty() {
            return;
        }
        self.below.retain(|step, ours| {
            if let Some(theirs) = other.below.get(step) {
                ours.member &= !theirs.member;
                ours.set.subtract(&theirs.set);
            }
            ours.member || !ours.set.is_empty()
        });
    }

    pub fn intersection(&self, other: &Self) -> Self {
        let mut both = Self::default();
        for (step, ours) in &self.below {
            if let Some(theirs) = other.below.get(step) {
                both.attach(step.clone(), ours.member && theirs.member, ours.set.intersection(&theirs.set));
            }
        }
        both
    }

    /// Removes places with all that is below them; `steps` are those of the top.
    pub(super) fn remove(&mut self, steps: impl Fn(&str) -> bool) {
        self.below.retain(|step, _| !steps(step));
    }

    /// The places of the set as messages write them: `.spec.containers[name="a"].image`.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect_paths("", &mut paths);
        paths
    }

    fn collect_paths(&self, prefix: &str, paths: &mut Vec<String>) {
        for (step, entry) in &self.below {
            let path = format!("{prefix}{}", shown(step));
            if entry.member {
                paths.push(path.clone());
            }
            entry.set.collect_paths(&path, paths);
        }
    }
}

pub(super) fn field(name: &str) -> Step {
    let mut step = String::with_capacity(name.len() + 2);
    step.push_str("f:");
    step.push_str(name);
    step.into()
}

/// An item of a set list.
pub(super) fn value(item: &Value) -> Step {
    format!("v:{item}").into()
}

/// An item of a map list; `None` if it lacks a key.
pub(super) fn key(keys: &[Key], item: &Value) -> Option<Step> {
    let mut step = String::with_capacity(32);
    step.push_str("k:{");
    let mut any = false;
    for Key { name, default } in keys {
        let Some(value) = item.get(&**name).filter(|value| !value.is_null()).or(default.as_ref()) else { continue };
        if any {
            step.push(',');
        }
        any = true;
        // Writing to a string cannot fail.
        let _ = write!(step, "{:?}:{value}", &**name);
    }
    step.push('}');
    any.then(|| step.into())
}

fn shown(step: &str) -> String {
    match step.split_at_checked(2) {
        Some(("f:", name)) => format!(".{name}"),
        Some(("v:", value)) => format!("[={value}]"),
        Some(("k:", key)) => {
            let keys: Map<String, Value> = serde_json::from_str(key).unwrap_or_default();
            let keys: Vec<String> = keys.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("[{}]", keys.join(","))
        }
        _ => step.to_owned(),
    }
}
