//! Sets of fields.
//!
//! A set is a tree, kept in the form in which objects carry it (`fieldsV1`): steps are texts (`f:spec`, `k:{"name":"a"}`,
//! `v:1`), and a place with others below it is itself in the set if it has the step `.`. So reading and writing a set
//! costs nothing, and steps are only ever compared.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::schema::Key;

/// Marks that a place is in the set, beside what is below it.
const SELF: &str = ".";

/// A set of fields below one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet {
    below: Map<String, Value>,
}

/// The places below one place of a set, as `fieldsV1` has them.
type Below = Map<String, Value>;

impl FieldSet {
    /// Reads `fieldsV1`. What is no object has no fields.
    pub fn parse(value: Value) -> Self {
        match value {
            Value::Object(mut below) => {
                below.remove(SELF);
                Self { below }
            }
            _ => Self::default(),
        }
    }

    /// Writes `fieldsV1`.
    pub fn into_value(self) -> Value {
        Value::Object(self.below)
    }

    pub fn is_empty(&self) -> bool {
        self.below.is_empty()
    }

    /// Whether `fields` is this set in the form of `fieldsV1`.
    pub(super) fn is(&self, fields: &Value) -> bool {
        fields.as_object() == Some(&self.below)
    }

    /// Something is known of a place.
    pub(super) fn contains(&self, step: &str) -> bool {
        self.below.contains_key(step)
    }

    /// Adds a place.
    pub(super) fn insert(&mut self, step: String) {
        self.below.insert(step, Value::Object(Map::new()));
    }

    /// Adds a place (if `member`) and what is below it.
    pub(super) fn attach(&mut self, step: String, member: bool, set: Self) {
        if member || !set.is_empty() {
            self.below.insert(step, place(member, set.below));
        }
    }

    /// Takes out what is below a place.
    pub(super) fn detach(&mut self, step: &str) -> Option<Self> {
        self.below.remove(step).map(Self::parse)
    }

    pub fn union(&mut self, other: &Self) {
        unite(&mut self.below, &other.below);
    }

    pub fn subtract(&mut self, other: &Self) {
        subtract(&mut self.below, &other.below);
    }

    pub fn intersection(&self, other: &Self) -> Self {
        Self { below: intersect(&self.below, &other.below) }
    }

    /// Removes places with all that is below them; `steps` are those of the top.
    pub(super) fn remove(&mut self, steps: impl Fn(&str) -> bool) {
        self.below.retain(|step, _| !steps(step));
    }

    /// The places of the set as messages write them: `.spec.containers[name="a"].image`.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        collect_paths(&self.below, "", &mut paths);
        paths
    }

    pub(super) fn places(&self) -> Places<'_> {
        Places { below: Some(&self.below) }
    }
}

/// What is below one place of a borrowed set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places<'a> {
    below: Option<&'a Below>,
}

impl<'a> Places<'a> {
    /// Of `fieldsV1`.
    pub(super) fn of(fields: &'a Value) -> Self {
        Self { below: fields.as_object() }
    }

    pub(super) fn iter(self) -> impl Iterator<Item = &'a str> {
        self.below.into_iter().flatten().map(|(step, _)| step.as_str()).filter(|step| *step != SELF)
    }

    /// What is below a step, and whether the place itself is in the set.
    pub(super) fn at(self, step: &str) -> Option<(bool, Self)> {
        let below = self.below?.get(step)?.as_object();
        Some((below.is_none_or(is_member), Self { below }))
    }

    /// Nothing is below.
    pub(super) fn is_empty(self) -> bool {
        self.iter().next().is_none()
    }

    /// All places are in `other`, too. Both are in order, so one look at each of them tells.
    pub(super) fn is_within(self, other: Self) -> bool {
        let mut others = other.below.into_iter().flatten();
        let mut ours = self.below.into_iter().flatten().filter(|(step, _)| *step != SELF);
        ours.all(|(step, ours)| {
            let found = others.find(|(other, _)| *other >= step).filter(|(other, _)| *other == step);
            found.is_some_and(|(_, theirs)| {
                let (ours, theirs) = (ours.as_object(), theirs.as_object());
                let member = |below: Option<&Below>| below.is_none_or(is_member);
                member(ours) <= member(theirs) && Self { below: ours }.is_within(Self { below: theirs })
            })
        })
    }
}

fn is_member(below: &Below) -> bool {
    below.is_empty() || below.contains_key(SELF)
}

fn place(member: bool, mut below: Below) -> Value {
    if member && !below.is_empty() {
        below.insert(SELF.into(), Value::Object(Map::new()));
    }
    Value::Object(below)
}

fn unite(ours: &mut Below, theirs: &Below) {
    for (step, theirs) in theirs.iter().filter(|(step, _)| *step != SELF) {
        match (ours.get_mut(step), theirs) {
            (Some(Value::Object(ours)), Value::Object(theirs)) => {
                let member = is_member(ours) || is_member(theirs);
                unite(ours, theirs);
                if member && !ours.is_empty() {
                    ours.insert(SELF.into(), Value::Object(Map::new()));
                }
            }
            _ => {
                ours.insert(step.clone(), theirs.clone());
            }
        }
    }
}

fn subtract(ours: &mut Below, theirs: &Below) {
    if theirs.is_empty() {
        return;
    }
    ours.retain(|step, ours| {
        let (Value::Object(ours), Some(Value::Object(theirs))) = (ours, theirs.get(step)) else { return true };
        if step == SELF {
            return true;
        }
        let member = is_member(ours) && !is_member(theirs);
        ours.remove(SELF);
        subtract(ours, theirs);
        if member && !ours.is_empty() {
            ours.insert(SELF.into(), Value::Object(Map::new()));
        }
        member || !ours.is_empty()
    });
}

fn intersect(ours: &Below, theirs: &Below) -> Below {
    let mut both = Map::new();
    for (step, ours) in ours.iter().filter(|(step, _)| *step != SELF) {
        if let (Value::Object(ours), Some(Value::Object(theirs))) = (ours, theirs.get(step)) {
            let member = is_member(ours) && is_member(theirs);
            let below = intersect(ours, theirs);
            if member || !below.is_empty() {
                both.insert(step.clone(), place(member, below));
            }
        }
    }
    both
}

fn collect_paths(below: &Below, prefix: &str, paths: &mut Vec<String>) {
    for (step, below) in below.iter().filter(|(step, _)| *step != SELF) {
        let path = format!("{prefix}{}", shown(step));
        let below = below.as_object();
        if below.is_none_or(is_member) {
            paths.push(path.clone());
        }
        if let Some(below) = below {
            collect_paths(below, &path, paths);
        }
    }
}

pub(super) fn field(name: &str) -> String {
    let mut step = String::with_capacity(name.len() + 2);
    step.push_str("f:");
    step.push_str(name);
    step
}

/// An item of a set list.
pub(super) fn value(item: &Value) -> String {
    format!("v:{item}")
}

/// An item of a map list; `None` if it lacks a key.
pub(super) fn key(keys: &[Key], item: &Value) -> Option<String> {
    let mut step = String::with_capacity(32);
    step.push_str("k:{");
    let mut any = false;
    for Key { name, default } in keys {
        let Some(value) = item.get(&**name).filter(|value| !value.is_null()).or(default.as_ref()) else { continue };
        if any {
            step.push(',');
        }
        any = true;
        step.push('"');
        step.push_str(name);
        step.push_str("\":");
        match value {
            Value::String(text) if is_plain(text) => step.extend(["\"", text, "\""]),
            // Writing to a string cannot fail.
            value => drop(write!(step, "{value}")),
        }
    }
    step.push('}');
    any.then_some(step)
}

/// A text that JSON has as it is, as nearly all names are.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\')
}

/// A step as messages write it.
pub(super) fn shown(step: &str) -> String {
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
