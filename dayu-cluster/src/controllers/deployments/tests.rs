//! Decisions for given pods, and a rollout under every order of events.
use proptest::prelude::*;
use serde_json::json;

use super::{
    step::{Action, Decision, FAILED_KEEPS_PLACE, Life, Member, decide},
    wish::Wish,
};

fn wish(replicas: usize, strategy: &str) -> Wish {
    let rolling = json!({"maxSurge": 1, "maxUnavailable": 1});
    let strategy = json!({"type": strategy, "rollingUpdate": (strategy == "RollingUpdate").then_some(rolling)});
    let text = json!({"spec": {"replicas": replicas, "strategy": strategy, "template": {"spec": {}}}}).to_string();
    serde_json::from_str(&text).unwrap()
}

fn member(name: usize, hash: &str, ready: bool) -> Member {
    Member {
        name: format!("p{name}").into(),
        uid: format!("u{name}").into(),
        hash: hash.into(),
        life: if ready { Life::Ready } else { Life::Unready },
        terminating: false,
        since: jiff::Timestamp::UNIX_EPOCH,
    }
}

fn at(wish: &Wish, members: &[Member], now: jiff::Timestamp) -> Decision {
    decide(wish, "new", &members.iter().collect::<Vec<_>>(), now)
}

fn actions(wish: &Wish, members: &[Member]) -> Vec<Action> {
    at(wish, members, jiff::Timestamp::UNIX_EPOCH).actions
}

#[test]
fn recreate_waits_until_the_old_pod_is_gone() {
    let wish = wish(1, "Recreate");
    assert_eq!(actions(&wish, &[]), [Action::Create]);
    let old = member(1, "old", true);
    assert_eq!(actions(&wish, std::slice::from_ref(&old)), [Action::Delete { name: "p1".into(), uid: "u1".into() }]);
    assert_eq!(actions(&wish, &[Member { terminating: true, ..old }]), []);
}

#[test]
fn scaling_down_takes_those_first_that_serve_nobody() {
    let members = [member(1, "new", true), member(2, "new", false)];
    assert_eq!(actions(&wish(1, "Recreate"), &members), [Action::Delete { name: "p2".into(), uid: "u2".into() }]);
}

#[test]
fn a_failed_pod_keeps_its_place_for_a_while_so_that_no_flood_comes() {
    let failed = Member { life: Life::Failed, ..member(1, "new", false) };
    let (wish, start) = (wish(1, "Recreate"), jiff::Timestamp::UNIX_EPOCH);
    let decision = at(&wish, std::slice::from_ref(&failed), start);
    assert_eq!(decision, Decision { actions: vec![], retry_after: Some(FAILED_KEEPS_PLACE) });
    let decision = at(&wish, &[failed], start + FAILED_KEEPS_PLACE);
    assert_eq!(decision.actions, [Action::Delete { name: "p1".into(), uid: "u1".into() }, Action::Create]);
}

#[test]
fn a_pod_counts_only_after_it_has_been_ready_for_long_enough() {
    let text = json!({"spec": {"replicas": 1, "minReadySeconds": 10, "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}});
    let wish: Wish = serde_json::from_value(text).unwrap();
    let settled = |seconds| jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(seconds);
    let old = Member { since: settled(-100), ..member(1, "old", true) };
    let members = [old, member(2, "new", true)];
    let early = at(&wish, &members, settled(4));
    assert_eq!(early, Decision { actions: vec![], retry_after: Some(jiff::SignedDuration::from_secs(6)) });
    assert_eq!(at(&wish, &members, settled(10)).actions, [Action::Delete { name: "p1".into(), uid: "u1".into() }]);
}

proptest! {
    /// Whatever becomes ready or goes away in whatever order, the update ends with exactly the wished pods of the new
    /// template, and meanwhile never more pods than wished plus surge are there.
    #[test]
    fn every_rollout_ends(
        replicas in 0..5usize, old in 0..6usize, recreate: bool, order in proptest::collection::vec(any::<u8>(), 200)
    ) {
        let wish = wish(replicas, if recreate { "Recreate" } else { "RollingUpdate" });
        let mut members: Vec<Member> = (0..old).map(|n| member(n, "old", true)).collect();
        let mut next = old;
        for choice in order {
            for action in actions(&wish, &members) {
                match action {
                    Action::Create => {
                        members.push(member(next, "new", false));
                        next += 1;
                    }
                    Action::Delete { name, .. } => {
                        let Some(member) = members.iter_mut().find(|m| m.name == name) else { panic!("no pod {name}") };
                        member.terminating = true;
                    }
                }
            }
            prop_assert!(members.iter().filter(|m| !m.terminating).count() <= old.max(replicas + 1));
            // One thing happens: a pod that terminates is gone, or a pod becomes ready.
            if !members.is_empty() {
                let at = usize::from(choice) % members.len();
                if members[at].terminating { members.remove(at); } else { members[at].life = Life::Ready; }
            }
        }
        members.retain(|m| !m.terminating);
        prop_assert_eq!(members.len(), replicas);
        prop_assert!(members.iter().all(|m| &*m.hash == "new"));
    }
}
