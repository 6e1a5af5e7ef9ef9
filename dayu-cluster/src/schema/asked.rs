//! Which rules have something to say of a write: those of most kinds only ask that something stays as it is.

use std::collections::BTreeMap;

use kube_cel::{CompilationResult, CompiledSchema};
use serde_json::Value;

/// What the rules of a place ask about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// Of what is new or changed.
    value: bool,
    /// Of what changed: that it does not.
    sameness: bool,
    /// How the value came from the one before, even where both are equal.
    transition: bool,
}

/// Where there are rules.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// The place has rules that see it as a whole.
    pub(super) here: bool,
    /// What is asked here and below.
    pub(super) all: Asked,
    /// The fields that have rules or hold some.
    pub(super) below: BTreeMap<String, Place>,
}

impl Asked {
    fn of(rule: &CompilationResult) -> Self {
        if !rule.is_transition_rule {
            return Self { value: true, ..Self::default() };
        }
        // Equal values are equal in whatever way the schema has them compared.
        let sameness = is_sameness(&rule.rule.rule);
        let always = rule.rule.optional_old_self == Some(true);
        Self { value: always, sameness, transition: !sameness }
    }

    fn and(self, other: Self) -> Self {
        Self {
            value: self.value || other.value,
            sameness: self.sameness || other.sameness,
            transition: self.transition || other.transition,
        }
    }

    fn anything(self) -> bool {
        self != Self::default()
    }

    /// Whether a rule can be broken. As in Kubernetes, what an update leaves as it was is not held against it: the rule
    /// may be younger than the object.
    pub(super) fn may_refuse(self, value: &Value, old: Option<&Value>) -> bool {
        match old {
            None => self.value,
            Some(_) if !self.anything() => false,
            Some(old) => self.transition || value != old,
        }
    }
}

/// Whether a rule asks that a value stays as it is, and nothing else.
pub(super) fn is_sameness(rule: &str) -> bool {
    matches!(rule.trim(), "self == oldSelf" | "oldSelf == self")
}

impl Place {
    /// The places of rules that all ask that something stays as it is: what those are is plain without compiling them.
    pub(super) fn of_sameness(schema: &Value) -> Self {
        let asks = |rule: &Value| Asked { value: rule["optionalOldSelf"] == true, sameness: true, transition: false };
        let list = |word: &str| schema[word].as_array().into_iter().flatten();
        let own = list("x-kubernetes-validations").map(asks).fold(Asked::default(), Asked::and);
        let branches = ["allOf", "oneOf", "anyOf"].into_iter().flat_map(list);
        let items = ["items", "additionalProperties"].into_iter().filter_map(|word| schema.get(word));
        let within = branches
            .chain(items)
            .filter(|schema| schema.is_object())
            .map(|schema| Self::of_sameness(schema).all)
            .fold(own, Asked::and);
        let properties = schema["properties"].as_object().into_iter().flatten();
        Self::holding(within, properties.map(|(name, schema)| (name, Self::of_sameness(schema))))
    }

    pub(super) fn of(schema: &CompiledSchema) -> Self {
        let own = schema.validations.iter().flatten().map(Asked::of).fold(Asked::default(), Asked::and);
        let branches = schema.all_of.iter().chain(&schema.one_of).chain(&schema.any_of);
        let items = schema.items.iter().chain(&schema.additional_properties).map(AsRef::as_ref);
        let within = branches.chain(items).map(|schema| Self::of(schema).all).fold(own, Asked::and);
        Self::holding(within, schema.properties.iter().map(|(name, schema)| (name, Self::of(schema))))
    }

    fn holding<'a>(within: Asked, fields: impl Iterator<Item = (&'a String, Self)>) -> Self {
        let asked = fields.filter(|(_, place)| place.all.anything());
        let below: BTreeMap<String, Self> = asked.map(|(name, place)| (name.clone(), place)).collect();
        let all = below.values().map(|place| place.all).fold(within, Asked::and);
        Self { here: within.anything(), all, below }
    }

    /// Whether any rule can be broken by `value` in the place of `old`.
    pub(super) fn may_refuse(&self, value: &Value, old: Option<&Value>) -> bool {
        let below = |(name, place): (&String, &Self)| {
            value.get(name).is_some_and(|value| place.may_refuse(value, old.and_then(|old| old.get(name))))
        };
        self.all.may_refuse(value, old) && (self.here || self.below.iter().any(below))
    }
}
