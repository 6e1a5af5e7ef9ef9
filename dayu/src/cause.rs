//! What keeps an object from being ready, in the words of its conditions.
use dayu_core::api::{condition::READY, joint_multi_edge::JointCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::Deserialize;

/// A condition of any kind of object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Said<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: &'a str,
    pub(crate) status: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) message: &'a str,
}

impl Said<'_> {
    pub(crate) fn holds(&self) -> bool {
        self.status == "True"
    }
}

impl<'a> From<&'a Condition> for Said<'a> {
    fn from(condition: &'a Condition) -> Self {
        let Condition { type_, status, reason, message, .. } = condition;
        Self { kind: type_, status, reason, message }
    }
}

impl<'a> From<&'a JointCondition> for Said<'a> {
    fn from(condition: &'a JointCondition) -> Self {
        let JointCondition { kind, status, reason, message, .. } = condition;
        Self { kind, status, reason, message }
    }
}

/// Whether an object is ready; none if nobody has said. The last one counts: Sedna appended conditions instead of updating them.
pub(crate) fn ready<'a>(said: &[Said<'a>]) -> Option<Said<'a>> {
    said.iter().rev().find(|condition| condition.kind == READY).copied()
}

/// The first condition that keeps an object from being ready: the others follow from it. None if it is ready, or nobody has said.
pub(crate) fn cause<'a>(said: &[Said<'a>]) -> Option<Said<'a>> {
    let ready = ready(said).filter(|ready| !ready.holds())?;
    // `Failed` is the one that is well when it does not hold.
    Some(said.iter().find(|condition| !condition.holds() && condition.kind != "Failed").copied().unwrap_or(ready))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_condition_that_does_not_hold_is_the_cause() {
        let said = |kind, status| Said { kind, status, ..Said::default() };
        let waiting = [said("Failed", "False"), said("Running", "False"), said("Ready", "False")];
        assert_eq!(cause(&waiting), Some(waiting[1]));
        assert_eq!(cause(&waiting[2..]), Some(waiting[2]), "nothing else is said");
        assert_eq!(cause(&[said("Ready", "False"), said("Ready", "True")]), None, "the last one counts");
        assert_eq!(cause(&waiting[..2]), None, "nobody has said");
    }
}
