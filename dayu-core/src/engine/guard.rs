//! Keeping workers whose pods are refused from flooding the cluster: they get no more pods for a while, and what lies there
//! is cleared away but for the last, which says why. What runs stays, unless it is of before an update: that one makes room,
//! since a device that cannot take in both at once would never be given the new one.
use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams},
    core::PartialObjectMeta,
};
use tokio::time::Instant;

use super::{
    answer::{self, Refusal},
    children::{FAILED, RUNNING},
    flood::{Flood, Pause},
    inventory::{OWNER, WORKER},
};
use crate::{
    connect::refusal,
    name::Uid,
    template::{Plan, PodState, Trouble, WorkerState},
};

/// Why a Deployment has not all its pods, where it is our doing.
pub(super) const REFUSED: &str = "PodsRefused";
/// Refused pods of one worker that may lie there.
const KEPT: usize = 2;

/// What is kept of a resource whose pods were refused.
#[derive(Debug, Default)]
pub(super) struct Guard {
    /// Of this state of the resource: another one is another try.
    edition: u64,
    workers: BTreeMap<String, Watched>,
}

#[derive(Debug, Default)]
struct Watched {
    flood: Flood,
    hold: Option<Hold>,
}

/// A worker gets no more pods.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hold {
    why: String,
    /// So many run and stay.
    stay: i32,
}

/// What a look at all workers came to.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Which Deployments get no more pods at the moment.
    holds: BTreeMap<String, Hold>,
    /// Whether that is otherwise than at the last look.
    pub(super) has_changed: bool,
    /// The words of pauses that have just begun.
    pub(super) news: Vec<String>,
    /// When the first pause is over.
    pub(super) until: Option<Instant>,
    /// Deployments whose refused pods are too many, each with the one that stays.
    pub(super) debris: Vec<(String, String)>,
}

impl Guard {
    /// Takes in how the workers stand, by the names of their Deployments, at two clocks' `now`.
    pub(super) fn look(
        &mut self,
        edition: u64,
        workers: &BTreeMap<String, WorkerState>,
        (now, time): (Instant, Timestamp),
    ) -> Held {
        if self.edition != edition {
            *self = Self { edition, ..Self::default() };
        }
        let mut held = Held::default();
        self.workers.retain(|name, _| workers.contains_key(name));
        for (name, worker) in workers {
            let refused: Vec<&PodState> = worker.pods.iter().filter(|pod| pod.phase == FAILED).collect();
            if let ([.., last], true) = (&*refused, refused.len() > KEPT) {
                held.debris.push((name.clone(), last.pod.name.clone()));
            }
            if !self.workers.contains_key(name) && refused.is_empty() {
                continue;
            }
            let watched = self.workers.entry(name.clone()).or_default();
            let uids: Vec<Uid> = refused.iter().map(|pod| pod.pod.uid.clone()).collect();
            let pause = watched.flood.step(&uids, now);
            let before = watched.hold.take();
            watched.hold = match (pause, &before) {
                (Some(Pause { is_new: false, .. }), Some(hold)) => {
                    Some(Hold { stay: hold.stay.min(running(worker)), ..hold.clone() })
                }
                (Some(pause), _) => {
                    let why = words(refused.last().copied(), time.checked_add(pause.until - now).unwrap_or(time));
                    held.news.push(format!("Deployment/{name}: {why}"));
                    Some(Hold { why, stay: if worker.rolled_out { running(worker) } else { 0 } })
                }
                (None, _) => None,
            };
            held.has_changed |= watched.hold != before;
            held.holds.extend(watched.hold.clone().map(|hold| (name.clone(), hold)));
            held.until = held.until.into_iter().chain(pause.map(|pause| pause.until)).min();
        }
        self.workers.retain(|_, watched| !watched.flood.is_forgotten(now));
        held
    }

    /// Whether all is forgotten.
    pub(super) fn is_over(&self) -> bool {
        self.workers.is_empty()
    }
}

impl Held {
    /// Asks for no more pods than there are where there are to be no more.
    pub(super) fn restrain(&self, plan: &mut Plan) {
        for worker in &mut plan.workers {
            let hold = worker.deployment.metadata.name.as_ref().and_then(|name| self.holds.get(name));
            if let Some(hold) = hold {
                let asked = worker.deployment.spec.replicas.unwrap_or(1);
                worker.deployment.spec.replicas = Some(asked.min(hold.stay));
            }
        }
    }

    /// Says of a worker that gets no more pods why.
    pub(super) fn explain(&self, worker: &mut WorkerState) {
        let hold = worker.deployment.as_ref().and_then(|deployment| self.holds.get(&deployment.name));
        if let Some(hold) = hold {
            worker.trouble = Some(Trouble::new(REFUSED, hold.why.clone()));
        }
    }

    /// Removes refused pods but for the last of each worker.
    pub(super) async fn clear(&self, client: &Client, namespace: &str, owner: &Uid) -> Result<(), Refusal> {
        let pods = Api::<PartialObjectMeta<Pod>>::namespaced(client.clone(), namespace);
        for (worker, last) in &self.debris {
            let ours = ListParams::default()
                .labels(&format!("{OWNER}={owner},{WORKER}={worker}"))
                .fields(&format!("status.phase={FAILED},metadata.name!={last}"));
            let cleared = pods.delete_collection(&DeleteParams::default(), &ours).await;
            cleared.map_err(|error| Refusal {
                child: format!("Deployment/{worker}"),
                reason: answer::reason(&error),
                message: refusal("deletecollection", "pods", &error),
            })?;
        }
        Ok(())
    }
}

fn running(worker: &WorkerState) -> i32 {
    let pods = worker.pods.iter().filter(|pod| pod.phase == RUNNING).count();
    i32::try_from(pods).unwrap_or(i32::MAX)
}

fn words(last: Option<&PodState>, until: Timestamp) -> String {
    let (device, reason) = match last {
        Some(pod) => (
            pod.device.as_ref().map(|device| format!("device {device}")),
            pod.trouble.as_ref().map(ToString::to_string),
        ),
        None => (None, None),
    };
    format!(
        "{} refuses its pods, the last one with {}; none is made before {until:.0}; free what it lacks there, or replace the \
         resource to try at once",
        device.as_deref().unwrap_or("the device"),
        reason.as_deref().unwrap_or("no reason"),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::template::ObjectRef;

    fn pod(name: &str, phase: &str) -> PodState {
        let pod = ObjectRef { name: name.to_owned(), uid: Uid::from(name) };
        PodState { pod, device: None, ready: phase == RUNNING, phase: phase.to_owned(), trouble: None }
    }

    /// A worker with so many pods that run and that are refused.
    fn worker(running: usize, refused: usize, rolled_out: bool) -> BTreeMap<String, WorkerState> {
        let runs = (0..running).map(|number| pod(&format!("runs-{number}"), RUNNING));
        let pods = runs.chain((0..refused).map(|number| pod(&format!("refused-{number}"), FAILED))).collect();
        BTreeMap::from([("det".to_owned(), WorkerState { pods, rolled_out, ..WorkerState::default() })])
    }

    #[test]
    fn replicas_that_run_stay_where_another_is_refused() {
        let (mut guard, start) = (Guard::default(), Instant::now());
        let mut look = |workers, seconds| {
            let held = guard.look(1, &workers, (start + Duration::from_secs(seconds), Timestamp::UNIX_EPOCH));
            (held.holds.get("det").map(|hold| hold.stay), held.has_changed)
        };
        assert_eq!(look(worker(2, 2, true), 0), (None, false));
        assert_eq!(look(worker(2, 3, true), 1), (Some(2), true));
        assert_eq!(look(worker(2, 1, false), 2), (Some(2), false), "that its size is not yet observed kills nobody");
        assert_eq!(look(worker(1, 1, true), 3), (Some(1), true), "one that ends meanwhile is not replaced");
        assert_eq!(look(worker(1, 1, true), 61), (None, true));
    }

    #[test]
    fn what_an_update_replaces_makes_room() {
        let (mut guard, now) = (Guard::default(), (Instant::now(), Timestamp::UNIX_EPOCH));
        let held = guard.look(1, &worker(1, 3, false), now);
        assert_eq!(held.holds["det"].stay, 0);
        assert_eq!(held.debris, [("det".to_owned(), "refused-2".to_owned())]);
    }
}
