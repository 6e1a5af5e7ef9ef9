//! What the status of a Deployment says. Pure.
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{step::Member, wish::Wish};
use crate::environment::rfc3339;

/// The status, as numbers: equal numbers need no write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status {
    generation: i64,
    wished: usize,
    replicas: usize,
    updated: usize,
    ready: usize,
    available: usize,
    terminating: usize,
    /// As many are available as the strategy demands.
    enough: bool,
    /// A pod could not be created.
    stuck: bool,
}

impl Status {
    pub(super) fn of(
        wish: &Wish,
        generation: i64,
        hash: &str,
        members: &[&Member],
        stuck: bool,
        now: Timestamp,
    ) -> Self {
        let present: Vec<&&Member> =
            members.iter().filter(|member| !member.terminating && !member.has_ended()).collect();
        let count = |counts: &dyn Fn(&Member) -> bool| present.iter().filter(|member| counts(member)).count();
        let available = count(&|member| member.is_available(wish, now));
        let may_miss = if wish.recreates() { 0 } else { wish.slack().below };
        Self {
            generation,
            wished: wish.replicas(),
            replicas: present.len(),
            updated: count(&|member| &*member.hash == hash),
            ready: count(&|member| member.life == super::step::Life::Ready),
            available,
            terminating: members.iter().filter(|member| member.terminating && !member.has_ended()).count(),
            enough: available >= wish.replicas().saturating_sub(may_miss),
            stuck,
        }
    }

    fn is_complete(&self) -> bool {
        self.updated == self.wished && self.replicas == self.wished && self.available == self.wished
    }

    /// Puts this in the place of a Deployment's status; times move only when a condition does.
    pub(super) fn write(&self, status: &mut Value, now: Timestamp) {
        let conditions: Vec<Value> =
            self.conditions().into_iter().map(|new| timed(new, &status["conditions"], now)).collect();
        *status = json!({"observedGeneration": self.generation, "conditions": conditions});
        let counts = [
            ("replicas", self.replicas),
            ("updatedReplicas", self.updated),
            ("readyReplicas", self.ready),
            ("availableReplicas", self.available),
            ("unavailableReplicas", self.wished.saturating_sub(self.available)),
            ("terminatingReplicas", self.terminating),
        ];
        // Zero is left out, as Kubernetes does.
        for (field, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            status[field] = count.into();
        }
    }

    fn conditions(&self) -> Vec<Value> {
        let available = match self.enough {
            true => ("MinimumReplicasAvailable", "Deployment has minimum availability."),
            false => ("MinimumReplicasUnavailable", "Deployment does not have minimum availability."),
        };
        let progressing = match self.is_complete() {
            true => ("NewReplicaSetAvailable", "Every pod of the newest template is available."),
            false => ("ReplicaSetUpdated", "Pods of the newest template are on their way."),
        };
        let mut conditions =
            vec![condition("Available", self.enough, available), condition("Progressing", true, progressing)];
        if self.stuck {
            let why = ("FailedCreate", "A pod could not be created; the log of the control plane says why.");
            conditions.push(condition("ReplicaFailure", true, why));
        }
        conditions
    }
}

fn condition(kind: &str, holds: bool, (reason, message): (&str, &str)) -> Value {
    json!({"type": kind, "status": if holds { "True" } else { "False" }, "reason": reason, "message": message})
}

fn timed(mut condition: Value, before: &Value, now: Timestamp) -> Value {
    let now = rfc3339(now);
    let old = before.as_array().into_iter().flatten().find(|old| old["type"] == condition["type"]);
    let held = old.filter(|old| old["status"] == condition["status"]);
    let same = held.filter(|old| old["reason"] == condition["reason"] && old["message"] == condition["message"]);
    condition["lastUpdateTime"] = same.map_or(json!(now), |old| old["lastUpdateTime"].clone());
    condition["lastTransitionTime"] = held.map_or(json!(now), |old| old["lastTransitionTime"].clone());
    condition
}
