//! Every way in which the API can fail a daemon, for a minute, one after the other: the daemon says what is wrong where it can,
//! asks no more than it must, does as it is told with `Retry-After`, and has everything in order soon afterwards.
mod global_manager;
mod layer;
mod leaders;
mod local_manager;
mod mesh;

use std::{fmt::Debug, time::Duration};

use k8s_openapi::api::events::v1::Event;
use kube::{Api, Client, api::ListParams};
use tokio::time::{Instant, sleep};

use layer::{ALL, Asked, Fault, Faults, Which};

/// How long each fault lasts: for two failures of one that waits as often as it may for a server that is busy.
const LASTS: Duration = Duration::from_secs(100);
/// Afterwards, whatever waits longer and longer is waited for so long at most.
const PATIENCE: Duration = Duration::from_secs(180);
/// After so long a fault has nothing to do with an earlier one.
const FORGOTTEN: Duration = Duration::from_secs(150);
/// Some watches, a Lease that is renewed, and each failure followed by a longer pause: more than this is spinning.
const MOST: usize = 500;

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
            Some(Instead::Heals(_) | Instead::Passes(_)) => Vec::new(),
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
    /// Everything that people can read about it.
    async fn told(&mut self, number: usize) -> String;
}

/// Lets every fault befall the requests of `row`.
async fn befall(scene: &mut impl Scene, faults: &Faults, row: &Row) {
    scene.act(0).await;
    eventually("before any fault", scene, 0).await;
    for (number, fault) in (1..).zip(ALL) {
        let case = format!("{}: {fault:?}", row.what);
        faults.begin(row.which, fault);
        scene.act(number).await;
        sleep(LASTS).await;
        let words = row.words(fault);
        match row.instead(fault) {
            Some(Instead::Heals(why)) => {
                assert!(scene.is_in_order(number).await, "{case}: it does not heal, although {why}");
            }
            Some(Instead::Passes(why)) => {
                assert!(!scene.told(number).await.contains(&fault.words()), "{case}: it is told, although {why}");
            }
            Some(Instead::Says(_)) | None => {}
        }
        if row.told == Telling::Meanwhile {
            tells(&case, &scene.told(number).await, &words);
        }
        let asked = faults.end();
        assert!(asked.iter().any(|asked| asked.met), "{case}: nothing was asked");
        assert!(asked.len() <= MOST, "{case}: {} requests: {asked:#?}", asked.len());
        if let Fault::Busy(seconds) = fault {
            leaves_alone(&case, &asked, Duration::from_secs(seconds));
        }
        eventually(&case, scene, number).await;
        // Earlier ones are over, so that each is told of anew.
        sleep(FORGOTTEN).await;
        tells(&case, &scene.told(number).await, &words);
    }
}

fn tells(case: &str, told: &str, words: &[String]) {
    for part in words {
        assert!(told.contains(part), "{case}: {part:?} is not in {told}");
    }
}

/// No request begins while the server wants to be left alone; Leases are a thing of their own.
fn leaves_alone(case: &str, asked: &[Asked], quiet: Duration) {
    let is_lease = |asked: &Asked| asked.what.contains("/leases");
    for busy in asked.iter().filter(|asked| asked.met) {
        let is_alike = |other: &&Asked| is_lease(other) == is_lease(busy);
        let during = asked.iter().filter(is_alike).find(|other| other.at > busy.at && other.at < busy.at + quiet);
        assert!(during.is_none(), "{case}: asked again after {:?}: {during:?}", during.map(|other| other.at - busy.at));
    }
}

async fn eventually(case: &str, scene: &mut impl Scene, number: usize) {
    let deadline = Instant::now() + PATIENCE;
    while !scene.is_in_order(number).await {
        assert!(Instant::now() < deadline, "{case}: not in order; told is {}", scene.told(number).await);
        sleep(Duration::from_millis(500)).await;
    }
}

/// What events say, of whatever object.
async fn events(client: &Client) -> String {
    let all = Api::<Event>::all(client.clone()).list(&ListParams::default()).await.unwrap();
    all.iter()
        .map(|event| format!("{:?}: {:?}\n", event.regarding.as_ref().and_then(|of| of.name.as_ref()), event.note))
        .collect()
}

fn parse<T: serde::de::DeserializeOwned + Debug>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}
