//! The decision: which pods to create and delete, and what the status says. Pure.
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use sha2::{Digest, Sha256};

/// Label that ties a pod to the template it was made from.
pub(super) const HASH_LABEL: &str = "pod-template-hash";
/// A failed pod keeps its place for so long, so that a pod that can never run does not become a flood of pods.
pub(super) const FAILED_KEEPS_PLACE: SignedDuration = SignedDuration::from_secs(30);

/// What a Deployment asks for.
#[derive(Debug, Deserialize)]
pub(super) struct Wish {
    pub(super) spec: Spec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spec {
    #[serde(default = "one")]
    replicas: usize,
    #[serde(default)]
    strategy: Strategy,
    #[serde(default)]
    paused: bool,
    pub(super) template: Box<RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Strategy {
    r#type: Box<str>,
    rolling_update: Option<RollingUpdate>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RollingUpdate {
    max_surge: Option<Amount>,
    max_unavailable: Option<Amount>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Amount {
    Count(usize),
    Percent(Box<str>),
}

fn one() -> usize {
    1
}

/// One pod of a Deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: Box<str>,
    pub(super) uid: Box<str>,
    pub(super) hash: Box<str>,
    pub(super) ready: bool,
    pub(super) failed: bool,
    pub(super) ended: bool,
    pub(super) terminating: bool,
    /// When its conditions last changed.
    pub(super) since: Option<Timestamp>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Make a pod of the present template.
    Create,
    /// Delete exactly this pod.
    Delete { name: Box<str>, uid: Box<str> },
}

/// Actions, the new status, and when to look again without an event.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) actions: Vec<Action>,
    pub(super) status: Value,
    pub(super) retry_after: Option<SignedDuration>,
}

impl Wish {
    /// Ten characters that stand for the template: equal templates, equal hash.
    pub(super) fn template_hash(&self) -> String {
        let digest = Sha256::digest(self.spec.template.get().as_bytes());
        const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
        digest.iter().take(10).map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect()
    }

    fn recreates(&self) -> bool {
        &*self.spec.strategy.r#type == "Recreate"
    }

    /// Pods above and below the wished number while rolling; never both zero.
    fn slack(&self) -> (usize, usize) {
        let rolling = self.spec.strategy.rolling_update.as_ref();
        let quarter = Amount::Percent("25%".into());
        let surge = rolling.and_then(|r| r.max_surge.as_ref()).unwrap_or(&quarter).of(self.spec.replicas, f64::ceil);
        let missing =
            rolling.and_then(|r| r.max_unavailable.as_ref()).unwrap_or(&quarter).of(self.spec.replicas, f64::floor);
        if surge == 0 && missing == 0 { (0, 1) } else { (surge, missing) }
    }
}

impl Amount {
    fn of(&self, replicas: usize, round: fn(f64) -> f64) -> usize {
        match self {
            Self::Count(count) => *count,
            Self::Percent(text) => {
                let percent: f64 = text.trim_end_matches('%').parse().unwrap_or(25.0);
                round(replicas as f64 * percent / 100.0) as usize
            }
        }
    }
}

/// Decides for one Deployment.
pub(super) fn step(wish: &Wish, generation: i64, hash: &str, members: &[Member], now: Timestamp) -> Outcome {
    let status = status(wish, generation, hash, members);
    let mut actions = Vec::new();
    let mut retry_after = None;
    let is_new = |member: &&Member| &*member.hash == hash;
    let live: Vec<&Member> = members.iter().filter(|member| !member.terminating).collect();

    // Ended pods make room: all old ones at once, new failed ones after their time.
    let mut waiting = 0;
    for member in live.iter().filter(|member| member.ended) {
        let left = member.since.map_or(SignedDuration::ZERO, |since| FAILED_KEEPS_PLACE - now.duration_since(since));
        if member.failed && is_new(member) && left > SignedDuration::ZERO && waiting < wish.spec.replicas {
            waiting += 1;
            retry_after = retry_after.into_iter().chain([left]).min();
        } else {
            actions.push(delete(member));
        }
    }
    let running: Vec<&Member> = live.into_iter().filter(|member| !member.ended).collect();
    let (new, old): (Vec<&Member>, Vec<&Member>) = running.into_iter().partition(is_new);
    let wanted = wish.spec.replicas.saturating_sub(waiting);
    actions.extend(surplus(&new, wanted));
    if wish.spec.paused && !old.is_empty() {
        return Outcome { actions, status, retry_after };
    }
    let missing = wanted.saturating_sub(new.len());
    if wish.recreates() {
        actions.extend(old.iter().map(|member| delete(member)));
        let leaving = members.iter().any(|member| &*member.hash != hash && !member.ended);
        if !leaving {
            actions.extend(std::iter::repeat_n(Action::Create, missing));
        }
    } else {
        actions.extend(roll(wish, &new, &old, missing));
    }
    Outcome { actions, status, retry_after }
}

/// Pods beyond the wished number: those that are not ready go first.
fn surplus(pods: &[&Member], wanted: usize) -> Vec<Action> {
    let mut sorted = pods.to_vec();
    sorted.sort_by_key(|member| (member.ready, member.since));
    sorted.iter().take(pods.len().saturating_sub(wanted)).map(|member| delete(member)).collect()
}

/// One round of a rolling update: as many new ones as the surge allows, as many old ones gone as may be missing.
fn roll(wish: &Wish, new: &[&Member], old: &[&Member], missing: usize) -> Vec<Action> {
    let (surge, may_miss) = wish.slack();
    let room = (wish.spec.replicas + surge).saturating_sub(new.len() + old.len());
    let mut actions = vec![Action::Create; missing.min(room)];
    let ready = new.iter().chain(old).filter(|member| member.ready).count();
    let mut dispensable = ready.saturating_sub(wish.spec.replicas.saturating_sub(may_miss));
    for member in old {
        // One that serves nobody can always go.
        if !member.ready {
            actions.push(delete(member));
        } else if dispensable > 0 {
            dispensable -= 1;
            actions.push(delete(member));
        }
    }
    actions
}

fn delete(member: &Member) -> Action {
    Action::Delete { name: member.name.clone(), uid: member.uid.clone() }
}

fn status(wish: &Wish, generation: i64, hash: &str, members: &[Member]) -> Value {
    let present: Vec<&Member> = members.iter().filter(|member| !member.terminating && !member.ended).collect();
    let updated = present.iter().filter(|member| &*member.hash == hash).count();
    let ready = present.iter().filter(|member| member.ready).count();
    let replicas = wish.spec.replicas;
    let (_, may_miss) = wish.slack();
    let enough = ready >= replicas.saturating_sub(if wish.recreates() { 0 } else { may_miss });
    let done = updated == replicas && present.len() == replicas && ready == replicas;
    let mut status = json!({
        "observedGeneration": generation,
        "conditions": [
            condition("Available", enough, if enough { "MinimumReplicasAvailable" } else { "MinimumReplicasUnavailable" },
                if enough { "Deployment has minimum availability." } else { "Deployment does not have minimum availability." }),
            condition("Progressing", true, if done { "NewReplicaSetAvailable" } else { "ReplicaSetUpdated" },
                if done { "All pods of the newest template are available." } else { "Pods of the newest template are being made available." }),
        ],
    });
    let counts = [
        ("replicas", present.len()),
        ("updatedReplicas", updated),
        ("readyReplicas", ready),
        ("availableReplicas", ready),
        ("unavailableReplicas", replicas.saturating_sub(ready)),
    ];
    for (field, count) in counts {
        if count > 0 {
            status[field] = count.into();
        }
    }
    status
}

fn condition(kind: &str, value: bool, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": if value { "True" } else { "False" }, "reason": reason, "message": message})
}

/// Puts `status` into a Deployment; transition times move only when a condition's status does.
pub(super) fn merge_status(deployment: &mut Value, status: &Value, now: Timestamp) {
    let now = crate::environment::rfc3339(now);
    let before = deployment["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let mut status = status.clone();
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        let old = before.iter().find(|old| old["type"] == condition["type"]);
        let same = old.filter(|old| old["status"] == condition["status"] && old["reason"] == condition["reason"]);
        condition["lastUpdateTime"] = same.map_or(json!(now), |old| old["lastUpdateTime"].clone());
        let kept = old.filter(|old| old["status"] == condition["status"]);
        condition["lastTransitionTime"] = kept.map_or(json!(now), |old| old["lastTransitionTime"].clone());
    }
    deployment["status"] = status;
}
