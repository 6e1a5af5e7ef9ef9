//! Every way in which the API can fail a daemon, for a minute, one after the other: the daemon says what is wrong where it can,
//! asks no more than it must, does as it is told with `Retry-After`, and has everything in order soon afterwards.
mod debris;
mod global_manager;
mod joint;
mod layer;
mod leaders;
mod local_manager;
mod mesh;
mod news;

use std::{collections::BTreeMap, fmt::Debug, time::Duration};

use kube::Client;
use tokio::time::{Instant, sleep};

use layer::{ALL, Asked, Fault, Faults, Which};
use news::News;

/// How long each fault lasts: for two failures of one that waits as often as it may for a server that is busy.
const LASTS: Duration = Duration::from_secs(100);
/// Afterwards, whatever waits longer and longer is waited for so long at most.
const PATIENCE: Duration = Duration::from_secs(180);
/// Between two looks at what is waited for.
const SHORTLY: Duration = Duration::from_millis(500);
/// After so long a fault has nothing to do with an earlier one.
const FORGOTTEN: Duration = Duration::from_secs(150);
/// So often one request may be made while a fault lasts, since each failure is followed by a longer pause: more is spinning.
const MOST: usize = 25;
/// The same of one to a Lease, whose holder is the sooner missed the longer it pauses.
const MOST_TO_A_LEASE: usize = 110;

/// Requests that fail, and how people learn of it.
struct Row {
    what: &'static str,
    which: Which,
    /// What a right to these requests is called: verb and resource.
    right: &'static str,
    told: Telling,
    /// Faults that come out otherwise than in the words of the server.
    but: &'static [(Fault, Instead)],
}

/// What becomes of a fault of which nobody is told in the words of the server.
#[derive(Clone, Copy, Debug)]
enum Instead {
    /// Nothing, since it is in order while the fault goes on: for this reason.
    Heals(&'static str),
    /// Nothing, since such an answer cannot go on unless the server contradicts itself: for this reason.
    Passes(&'static str),
    /// Nothing, and nothing more is done about it: the server has said that it is in order, and contradicts itself.
    Believed(&'static str),
    /// The daemon's own words.
    Says(&'static str),
}

/// Where nothing changes nothing is said that could break off.
const STILL: [(Fault, Instead); 2] = [
    (Fault::Truncated, Instead::Heals("what was begun anew is whole")),
    (Fault::CutShort, Instead::Heals("what was begun anew is whole")),
];

/// When what is wrong can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    /// While it is so.
    Meanwhile,
    /// Once the API takes events again: there is no other way to people.
    Afterwards,
}

impl Row {
    /// Everything that has to be told of `fault`.
    fn words(&self, fault: Fault) -> Vec<String> {
        match self.instead(fault) {
            Some(Instead::Heals(_) | Instead::Passes(_) | Instead::Believed(_)) => Vec::new(),
            Some(Instead::Says(words)) => vec![words.to_owned()],
            None => {
                let right = match fault {
                    Fault::Refused(403, _) => Some(format!("may not {}", self.right)),
                    Fault::Refused(401, _) => Some(format!("{}: the credentials are not accepted", self.right)),
                    _ => None,
                };
                right.into_iter().chain([fault.words()]).collect()
            }
        }
    }

    fn instead(&self, fault: Fault) -> Option<Instead> {
        let slow = (Fault::Slow, Instead::Heals("what comes late comes"));
        self.but.iter().chain([&slow]).find(|(of, _)| *of == fault).map(|(_, instead)| *instead)
    }
}

/// What a daemon has to do while requests fail.
trait Scene {
    /// Something happens that makes the daemon ask; `number` differs each time.
    async fn act(&mut self, number: usize);
    /// Whether what happened has been dealt with.
    async fn is_in_order(&mut self, number: usize) -> bool;
    /// What people can read about it, beside events.
    async fn told(&mut self, number: usize) -> String;
    /// Whose way has no faults.
    fn client(&self) -> Client;
}

/// Lets every fault befall the requests of `row`.
async fn befall(scene: &mut impl Scene, faults: &Faults, row: &Row) {
    scene.act(0).await;
    eventually("before any fault", scene, 0).await;
    for (number, fault) in (1..).zip(ALL) {
        let case = format!("{}: {fault:?}", row.what);
        // What was told of an earlier one tells nothing of this one.
        let news = News::from_now_on(scene.client()).await;
        faults.begin(row.which, fault);
        scene.act(number).await;
        sleep(LASTS).await;
        let words = row.words(fault);
        let told = scene.told(number).await + &news.told().await;
        match row.instead(fault) {
            Some(Instead::Heals(why)) => {
                assert!(scene.is_in_order(number).await, "{case}: it does not heal, although {why}");
            }
            Some(Instead::Passes(why) | Instead::Believed(why)) => {
                assert!(!told.contains(&fault.words()), "{case}: it is told, although {why}: {told}");
            }
            Some(Instead::Says(_)) | None => {}
        }
        if row.told == Telling::Meanwhile {
            tells(&case, &told, &words);
        }
        let asked = faults.end();
        assert!(asked.iter().any(|asked| asked.met), "{case}: nothing was asked");
        does_not_spin(&case, &asked);
        if let Fault::Busy(_, seconds) = fault {
            leaves_alone(&case, &asked, Duration::from_secs(seconds));
        }
        if !matches!(row.instead(fault), Some(Instead::Believed(_))) {
            eventually(&case, scene, number).await;
        }
        // Earlier ones are over, so that each is told of anew.
        sleep(FORGOTTEN).await;
        tells(&case, &(scene.told(number).await + &news.told().await), &words);
    }
}

fn tells(case: &str, told: &str, words: &[String]) {
    for part in words {
        assert!(told.contains(part), "{case}: {part:?} is not in {told}");
    }
}

/// Whatever fails is asked again, but not over and over.
fn does_not_spin(case: &str, asked: &[Asked]) {
    let mut often = BTreeMap::<_, usize>::new();
    for asked in asked {
        *often.entry((asked.is_of_a_lease(), asked.request())).or_default() += 1;
    }
    for ((is_of_a_lease, request), times) in often {
        let most = if is_of_a_lease { MOST_TO_A_LEASE } else { MOST };
        assert!(times <= most, "{case}: {request} {times} times");
    }
}

/// No request begins while the server wants to be left alone; Leases are a thing of their own.
fn leaves_alone(case: &str, asked: &[Asked], quiet: Duration) {
    for busy in asked.iter().filter(|asked| asked.met) {
        let is_alike = |other: &&Asked| other.is_of_a_lease() == busy.is_of_a_lease();
        let during = asked.iter().filter(is_alike).find(|other| other.at > busy.at && other.at < busy.at + quiet);
        assert!(during.is_none(), "{case}: asked again after {:?}: {during:?}", during.map(|other| other.at - busy.at));
    }
}

async fn eventually(case: &str, scene: &mut impl Scene, number: usize) {
    let deadline = Instant::now() + PATIENCE;
    while !scene.is_in_order(number).await {
        assert!(Instant::now() < deadline, "{case}: not in order; told is {}", scene.told(number).await);
        sleep(SHORTLY).await;
    }
}

fn parse<T: serde::de::DeserializeOwned + Debug>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}
