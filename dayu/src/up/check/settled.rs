//! When nothing is broken any more: each pod is ready, as none of the processes that are known to be dead, and each call is answered
//! as it has to be. A device that was gone is believed to be as it was until it says otherwise, and meshes hear of a worker one
//! after another.
use std::{collections::BTreeSet, time::Duration};

use dayu_core::{api::lean::Lean, name::Device};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::{Api, api::ListParams};
use tokio::time::{Instant, sleep};

use super::{
    load::{self, Bodies},
    request::Call,
    tally::Tally,
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

/// Waits until everything is as it has to be. Gives the time that it took, if it ever was. What is refused or broken until then is
/// "not yet"; what lands elsewhere never is, so each request counts in `tally`.
pub(super) async fn settle(
    pods: &Api<Lean<Pod>>,
    calls: &[Call],
    bodies: &Bodies,
    dead: &BTreeSet<String>,
    tally: &mut Tally,
) -> Result<Option<Duration>, kube::Error> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let pods = pods.list(&ListParams::default()).await?.items;
        if pods.iter().flat_map(|pod| containers(pod)).all(|status| is_ready(status, dead))
            && are_as_expected(calls, bodies, tally).await
        {
            return Ok(Some(began.elapsed()));
        }
        sleep(PACE).await;
    }
    Ok(None)
}

async fn are_as_expected(calls: &[Call], bodies: &Bodies, tally: &mut Tally) -> bool {
    for call in calls {
        if !call.expects(&load::send_one(call, bodies, tally).await) {
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
    use dayu_cluster::Cluster;
    use dayu_pipeline::Identity;
    use http::Response;
    use http_body_util::Full;
    use hyper::{body::Bytes, server::conn::http1, service::service_fn};
    use hyper_util::rt::TokioIo;
    use tokio::net::TcpListener;

    use super::*;
    use crate::up::check::request::Form;

    /// Answers one request after another, each as a worker of the next device.
    async fn answer(listener: TcpListener, devices: [&str; 2]) {
        for device in devices {
            let (stream, _) = listener.accept().await.unwrap();
            let worker = Identity { device: device.to_owned(), replica: "1".to_owned(), pid: 1 };
            let answer = Response::new(Full::new(Bytes::from(serde_json::to_vec(&worker).unwrap())));
            let worker = service_fn(|_| std::future::ready(Ok::<_, std::convert::Infallible>(answer.clone())));
            let _ = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), worker).await;
        }
    }

    #[tokio::test]
    async fn what_lands_elsewhere_counts_although_it_lands_right_the_next_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let call = Call {
            form: Form::NodePort,
            from: None,
            address: listener.local_addr().unwrap(),
            authority: "det".to_owned(),
            path: "/result",
            device: Device::new("a"),
            service: "det".to_owned(),
            is_served: true,
        };
        let pods = Api::all(Cluster::builder().build().await.unwrap().client());
        let bodies = Bodies { finding: "{}".into(), frames: Vec::new() };
        let (nothing_dead, mut tally) = (BTreeSet::new(), Tally::default());
        let settled = settle(&pods, std::slice::from_ref(&call), &bodies, &nothing_dead, &mut tally);
        let (settled, ()) = tokio::join!(settled, answer(listener, ["b", "a"]));
        assert!(settled.unwrap().is_some());
        assert_eq!((tally.right, tally.wrong), (1, 1), "{tally:?}");
    }

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
