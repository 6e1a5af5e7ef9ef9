//! Keeping workers whose pods are refused from flooding the cluster: they get no pods for a while, and what lies there is
//! cleared away but for the last, which says why.
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
    answer,
    apply::Refusal,
    children::FAILED,
    flood::{Flood, Pause},
    inventory::{OWNER, WORKER},
};
use crate::{
    connect::refusal,
    name::Uid,
    template::{Plan, PodState, WorkerState},
};

/// Why a Deployment has no pods, where it is our doing.
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
    /// Why it gets no pods, while it does not.
    why: Option<String>,
}

/// What a look at all workers came to.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Why which Deployment gets no pods at the moment.
    pub(super) why: BTreeMap<String, String>,
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
            held.has_changed |= pause.map_or(watched.why.is_some(), |pause| pause.is_new);
            if let Some(Pause { is_new: true, until }) = pause {
                let why = words(refused.last().copied(), time.checked_add(until - now).unwrap_or(time));
                held.news.push(format!("Deployment/{name}: {why}"));
                watched.why = Some(why);
            }
            match (pause, &watched.why) {
                (Some(pause), Some(why)) => {
                    held.why.insert(name.clone(), why.clone());
                    held.until = held.until.into_iter().chain([pause.until]).min();
                }
                _ => watched.why = None,
            }
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
    /// Asks for no pods where there are to be none.
    pub(super) fn restrain(&self, plan: &mut Plan) {
        for worker in &mut plan.workers {
            let is_held = worker.deployment.metadata.name.as_ref().is_some_and(|name| self.why.contains_key(name));
            if is_held {
                worker.deployment.spec.replicas = Some(0);
            }
        }
    }

    /// Says of a worker that gets no pods why.
    pub(super) fn explain(&self, worker: &mut WorkerState) {
        let why = worker.deployment.as_ref().and_then(|deployment| self.why.get(&deployment.name));
        if let Some(why) = why {
            worker.trouble = Some((REFUSED.to_owned(), why.clone()));
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

fn words(last: Option<&PodState>, until: Timestamp) -> String {
    let (device, reason) = match last {
        Some(pod) => (
            pod.device.as_ref().map(|device| format!("device {device}")),
            pod.trouble.as_ref().map(|(reason, message)| format!("{reason}: {message}")),
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
