//! The decision: which pods to create and delete, and when to look again without an event. Pure.
use jiff::{SignedDuration, Timestamp};

use super::wish::Wish;

/// A failed pod keeps its place for so long, so that a pod that can never run does not become a flood of pods.
pub(super) const FAILED_KEEPS_PLACE: SignedDuration = SignedDuration::from_secs(30);

/// One pod of a Deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: Box<str>,
    pub(super) uid: Box<str>,
    /// Of the template that it was made from.
    pub(super) hash: Box<str>,
    pub(super) life: Life,
    pub(super) terminating: bool,
    /// When its conditions last changed, or it was created.
    pub(super) since: Timestamp,
}

/// How far a pod got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// On its way, or not ready for now.
    Unready,
    Ready,
    Succeeded,
    Failed,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Make a pod of the present template.
    Create,
    /// Delete exactly this pod.
    Delete { name: Box<str>, uid: Box<str> },
}

/// What to do now, and when to look again without an event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) actions: Vec<Action>,
    pub(super) retry_after: Option<SignedDuration>,
}

impl Member {
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.life, Life::Succeeded | Life::Failed)
    }

    /// Ready, and for long enough.
    pub(super) fn is_available(&self, wish: &Wish, now: Timestamp) -> bool {
        self.life == Life::Ready && now.duration_since(self.since) >= wish.settling_time()
    }

    fn delete(&self) -> Action {
        Action::Delete { name: self.name.clone(), uid: self.uid.clone() }
    }
}

/// Decides for one Deployment whose template has `hash`.
pub(super) fn decide(wish: &Wish, hash: &str, members: &[&Member], now: Timestamp) -> Decision {
    let mut decision = Decision { actions: Vec::new(), retry_after: settling(wish, members, now) };
    let live: Vec<&Member> = members.iter().filter(|member| !member.terminating).copied().collect();
    let waiting = clear_ended(wish, hash, &live, now, &mut decision);
    let wanted = wish.replicas().saturating_sub(waiting);

    let running = live.into_iter().filter(|member| !member.has_ended());
    let (new, old): (Vec<&Member>, Vec<&Member>) = running.partition(|member| &*member.hash == hash);
    decision.actions.extend(surplus(&new, wanted));
    if wish.is_paused() && !old.is_empty() {
        return decision;
    }
    let missing = wanted.saturating_sub(new.len());
    if wish.recreates() {
        decision.actions.extend(old.iter().map(|member| member.delete()));
        let leaving = members.iter().any(|member| &*member.hash != hash && !member.has_ended());
        if !leaving {
            decision.actions.extend(std::iter::repeat_n(Action::Create, missing));
        }
    } else {
        decision.actions.extend(roll(wish, &new, &old, missing, now));
    }
    decision
}

/// Ended pods make room: all old ones at once, new failed ones after their time. Counts the places that are still taken.
fn clear_ended(wish: &Wish, hash: &str, live: &[&Member], now: Timestamp, decision: &mut Decision) -> usize {
    let mut waiting = 0;
    for member in live.iter().filter(|member| member.has_ended()) {
        let left = FAILED_KEEPS_PLACE - now.duration_since(member.since);
        let keeps = member.life == Life::Failed && &*member.hash == hash && left > SignedDuration::ZERO;
        if keeps && waiting < wish.replicas() {
            waiting += 1;
            decision.retry_after = decision.retry_after.into_iter().chain([left]).min();
        } else {
            decision.actions.push(member.delete());
        }
    }
    waiting
}

/// When the next ready pod will have been ready for long enough.
fn settling(wish: &Wish, members: &[&Member], now: Timestamp) -> Option<SignedDuration> {
    let ready = members.iter().filter(|member| member.life == Life::Ready && !member.terminating);
    let left = ready.map(|member| wish.settling_time() - now.duration_since(member.since));
    left.filter(|left| *left > SignedDuration::ZERO).min()
}

/// Pods beyond the wished number: those that are not ready go first, then the youngest.
fn surplus(pods: &[&Member], wanted: usize) -> Vec<Action> {
    let mut sorted = pods.to_vec();
    sorted.sort_by_key(|member| (member.life == Life::Ready, std::cmp::Reverse(member.since)));
    sorted.iter().take(pods.len().saturating_sub(wanted)).map(|member| member.delete()).collect()
}

/// One round of a rolling update: as many new ones as may be too many, as many old ones gone as may be missing.
fn roll(wish: &Wish, new: &[&Member], old: &[&Member], missing: usize, now: Timestamp) -> Vec<Action> {
    let slack = wish.slack();
    let room = (wish.replicas() + slack.above).saturating_sub(new.len() + old.len());
    let mut actions = vec![Action::Create; missing.min(room)];
    let available = new.iter().chain(old).filter(|member| member.is_available(wish, now)).count();
    let mut dispensable = available.saturating_sub(wish.replicas().saturating_sub(slack.below));
    for member in old {
        // One that serves nobody can always go.
        let serves = member.is_available(wish, now);
        if !serves || dispensable > 0 {
            dispensable -= usize::from(serves);
            actions.push(member.delete());
        }
    }
    actions
}
