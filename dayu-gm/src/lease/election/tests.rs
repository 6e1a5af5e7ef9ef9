use proptest::prelude::*;

use super::*;

fn held_by(holder: &str, renewed: u64) -> Record {
    Record { holder: Some(holder.to_owned()), renewed: Some(renewed.to_string()) }
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn nothing_is_claimed_before_the_lease_is_seen() {
    let mut election = Election::new("a".to_owned(), Terms::default());
    assert_eq!(election.claim_at(), None);
    election.see(Record::default(), seconds(5));
    assert_eq!(election.claim_at(), Some(Duration::ZERO));
}

#[test]
fn a_silent_holder_is_respected_from_when_it_was_last_heard() {
    let mut election = Election::new("b".to_owned(), Terms::default());
    election.see(held_by("a", 1), seconds(0));
    election.see(held_by("a", 2), seconds(4));
    election.see(held_by("a", 2), seconds(9));
    assert_eq!(election.claim_at(), Some(seconds(16)));
}

#[test]
fn a_lease_given_back_or_held_from_before_a_restart_is_claimed_at_once() {
    for record in [Record { holder: None, renewed: Some("1".to_owned()) }, held_by("b", 1)] {
        let mut election = Election::new("b".to_owned(), Terms::default());
        election.see(record, seconds(3));
        assert_eq!(election.claim_at(), Some(Duration::ZERO));
        assert!(!election.leads(seconds(3)), "a claim of an earlier life is not trusted");
    }
}

#[test]
fn a_failed_claim_is_not_hammered() {
    let mut election = Election::new("a".to_owned(), Terms::default());
    election.see(Record::default(), seconds(0));
    election.failed(seconds(7));
    assert_eq!(election.claim_at(), Some(seconds(8)));
}

/// The Lease as the server keeps it.
#[derive(Default)]
struct Server {
    record: Record,
    revision: u64,
}

/// A candidate, the revision it saw, and the claim it has on the way: revision it names, and when it was sent.
struct Candidate {
    election: Election,
    revision: u64,
    sent: Option<(u64, Duration)>,
}

#[derive(Clone, Debug)]
enum Step {
    Look(usize),
    Send(usize),
    Arrive(usize, bool),
    Restart(usize),
    GiveBack(usize),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0..3usize;
    prop_oneof![
        4 => who().prop_map(Step::Look),
        4 => who().prop_map(Step::Send),
        4 => (who(), prop::bool::weighted(0.8)).prop_map(|(who, answered)| Step::Arrive(who, answered)),
        1 => who().prop_map(Step::Restart),
        1 => who().prop_map(Step::GiveBack),
        4 => (1..6_000u64).prop_map(Step::Pass),
    ]
}

proptest! {
    /// However late looks and claims arrive, and whoever restarts: two never lead at once.
    #[test]
    fn two_never_lead(steps in prop::collection::vec(step(), 0..200)) {
        let name = |who: usize| format!("c{who}");
        let candidate = |who| Candidate { election: Election::new(name(who), Terms::default()), revision: 0, sent: None };
        let mut candidates: Vec<Candidate> = (0..3).map(candidate).collect();
        let (mut server, mut now) = (Server::default(), Duration::ZERO);
        for step in steps {
            match step {
                Step::Look(who) => {
                    candidates[who].revision = server.revision;
                    candidates[who].election.see(server.record.clone(), now);
                }
                Step::Send(who) => {
                    let it = &mut candidates[who];
                    if it.sent.is_none() && it.election.claim_at().is_some_and(|at| at <= now) {
                        it.sent = Some((it.revision, now));
                    }
                }
                Step::Arrive(who, answered) => {
                    let it = &mut candidates[who];
                    let Some((revision, sent)) = it.sent.take() else { continue };
                    let taken = revision == server.revision;
                    if taken {
                        server.revision += 1;
                        server.record = held_by(&name(who), server.revision);
                    }
                    if taken && answered {
                        it.revision = server.revision;
                        it.election.claimed(server.record.clone(), sent, now);
                    } else {
                        it.election.failed(now);
                    }
                }
                // Another life has another name, unless the old one is known to be dead: as here.
                Step::Restart(who) => candidates[who] = candidate(who),
                Step::GiveBack(who) => {
                    let it = &mut candidates[who];
                    if it.election.leads(now) && it.revision == server.revision {
                        server.revision += 1;
                        server.record.holder = None;
                        (it.revision, it.sent) = (server.revision, None);
                        it.election.see(server.record.clone(), now);
                    }
                }
                Step::Pass(millis) => now += Duration::from_millis(millis),
            }
            let leading: Vec<usize> = (0..3).filter(|who| candidates[*who].election.leads(now)).collect();
            prop_assert!(leading.len() <= 1, "{leading:?} lead at once");
        }
    }

    /// A candidate that is left alone leads, and goes on leading.
    #[test]
    fn one_left_alone_leads(silent_for in 0..20u64) {
        let mut election = Election::new("b".to_owned(), Terms::default());
        election.see(held_by("a", 1), Duration::ZERO);
        let mut now = seconds(silent_for);
        for renewed in 2..10 {
            now = now.max(election.claim_at().unwrap());
            election.claimed(held_by("b", renewed), now, now);
            prop_assert!(election.leads(now));
            prop_assert!(election.claim_at().unwrap() < election.trusted_until().unwrap());
        }
    }
}
