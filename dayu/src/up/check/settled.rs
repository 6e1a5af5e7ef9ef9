//! When nothing is broken any more: each pod is ready, as none of the processes that are known to be dead, and each call is answered
//! as it has to be. A device that was gone is believed to be as it was until it says otherwise, and meshes hear of a worker one
//! after another.
use std::{collections::BTreeSet, time::Duration};

use dayu_core::{api::lean::Lean, name::Device};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::{Api, api::ListParams};
use tokio::time::{Instant, sleep};

use super::{
    load::Bodies,
    request::{self, Call},
};

/// Longest wait; whatever is not as it has to be then is counted.
const PATIENCE: Duration = Duration::from_secs(30);
/// From one look to the next.
const PACE: Duration = Duration::from_millis(20);

/// The processes that run on a device, as its pods say.
pub(super) async fn processes(pods: &Api<Lean<Pod>>, device: &Device) -> Result<BTreeSet<String>, kube::Error> {
    let on_device = ListParams::default().fields(&format!("spec.nodeName={device}"));
    let pods = pods.list(&on_device).await?;
    Ok(pods.items.iter().flat_map(|pod| containers(pod)).filter_map(|status| status.container_id.clone()).collect())
}

/// Waits until everything is as it has to be. Gives the time that it took, if it ever was.
pub(super) async fn settle(
    pods: &Api<Lean<Pod>>,
    calls: &[Call],
    bodies: &Bodies,
    dead: &BTreeSet<String>,
) -> Result<Option<Duration>, kube::Error> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let pods = pods.list(&ListParams::default()).await?.items;
        if pods.iter().flat_map(|pod| containers(pod)).all(|status| is_ready(status, dead))
            && are_as_expected(calls, bodies).await
        {
            return Ok(Some(began.elapsed()));
        }
        sleep(PACE).await;
    }
    Ok(None)
}

async fn are_as_expected(calls: &[Call], bodies: &Bodies) -> bool {
    for call in calls {
        if !call.expects(&request::send(call, bodies.small(call)).await) {
            return false;
        }
    }
    true
}

fn containers(pod: &Pod) -> &[ContainerStatus] {
    pod.status.as_ref().and_then(|status| status.container_statuses.as_deref()).unwrap_or_default()
}

fn is_ready(status: &ContainerStatus, dead: &BTreeSet<String>) -> bool {
    status.ready && status.container_id.as_ref().is_some_and(|process| !dead.contains(process))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_dead_is_not_ready_whatever_is_said_of_it() {
        let status = |ready, process: &str| ContainerStatus {
            ready,
            container_id: Some(process.to_owned()),
            ..ContainerStatus::default()
        };
        let dead = BTreeSet::from(["process://1-1".to_owned()]);
        assert!(is_ready(&status(true, "process://2-1"), &dead));
        assert!(!is_ready(&status(true, "process://1-1"), &dead));
        assert!(!is_ready(&status(false, "process://2-1"), &dead));
    }
}
