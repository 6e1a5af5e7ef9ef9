//! Decisions for given pods, and a rollout under every order of events.
use proptest::prelude::*;
use serde_json::json;

use super::step::{Action, FAILED_KEEPS_PLACE, Member, Wish, step};

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
        ready,
        failed: false,
        ended: false,
        terminating: false,
        since: None,
    }
}

fn actions(wish: &Wish, members: &[Member]) -> Vec<Action> {
    step(wish, 1, "new", members, jiff::Timestamp::UNIX_EPOCH).actions
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
    let failed =
        Member { failed: true, ended: true, since: Some(jiff::Timestamp::UNIX_EPOCH), ..member(1, "new", false) };
    let outcome = step(&wish(1, "Recreate"), 1, "new", std::slice::from_ref(&failed), jiff::Timestamp::UNIX_EPOCH);
    assert_eq!((outcome.actions, outcome.retry_after), (vec![], Some(FAILED_KEEPS_PLACE)));
    let later = jiff::Timestamp::UNIX_EPOCH + FAILED_KEEPS_PLACE;
    let outcome = step(&wish(1, "Recreate"), 1, "new", &[failed], later);
    assert_eq!(outcome.actions, [Action::Delete { name: "p1".into(), uid: "u1".into() }, Action::Create]);
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
                if members[at].terminating { members.remove(at); } else { members[at].ready = true; }
            }
        }
        members.retain(|m| !m.terminating);
        prop_assert_eq!(members.len(), replicas);
        prop_assert!(members.iter().all(|m| &*m.hash == "new"));
    }
}
