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

/// How long each fault lasts.
const LASTS: Duration = Duration::from_secs(60);
/// Afterwards, whatever waits longer and longer is waited for so long at most.
const PATIENCE: Duration = Duration::from_secs(180);
/// Some watches, a Lease that is renewed, and each failure followed by a longer pause: more than this in a minute is spinning.
const MOST: usize = 300;

/// Requests that fail, and how what is missing is told where the answer is that it is forbidden.
struct Row {
    what: &'static str,
    which: Which,
    /// Part of what is told; none where there is nobody who could be told.
    told: Option<&'static str>,
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
        let told = scene.told(number).await;
        let asked = faults.end();
        assert!(asked.iter().any(|asked| asked.met), "{case}: nothing was asked");
        assert!(asked.len() <= MOST, "{case}: {} requests in a minute: {asked:#?}", asked.len());
        if let Fault::Busy(seconds) = fault {
            leaves_alone(&case, &asked, Duration::from_secs(seconds));
        }
        if let (Fault::Refused(403, _), Some(part)) = (fault, row.told) {
            assert!(told.contains(part), "{case}: {part:?} is not in {told}");
        }
        eventually(&case, scene, number).await;
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
