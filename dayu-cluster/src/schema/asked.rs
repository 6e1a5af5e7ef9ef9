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
        let sameness = matches!(rule.rule.rule.trim(), "self == oldSelf" | "oldSelf == self");
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

impl Place {
    pub(super) fn of(schema: &CompiledSchema) -> Self {
        let own = schema.validations.iter().flatten().map(Asked::of).fold(Asked::default(), Asked::and);
        let branches = schema.all_of.iter().chain(&schema.one_of).chain(&schema.any_of);
        let items = schema.items.iter().chain(&schema.additional_properties).map(AsRef::as_ref);
        let within = branches.chain(items).map(|schema| Self::of(schema).all).fold(own, Asked::and);
        let below: BTreeMap<String, Self> = schema
            .properties
            .iter()
            .map(|(name, schema)| (name.clone(), Self::of(schema)))
            .filter(|(_, place)| place.all.anything())
            .collect();
        let all = below.values().map(|place| place.all).fold(within, Asked::and);
        Self { here: within.anything(), all, below }
    }
}
