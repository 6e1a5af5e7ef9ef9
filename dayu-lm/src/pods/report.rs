//! Telling the API how a pod is: always the newest, never the same twice.
use std::{sync::Arc, time::Duration};

use dayu_core::{api::lean::Lean, connect::refusal};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use serde_json::json;
use tokio::sync::watch;

use super::events::Recorder;

/// First and longest pause after the API did not take a report.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What the API is to know.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Report {
    /// The pod's status.
    pub(super) status: Option<PodStatus>,
    /// Nothing of the pod is left: the API may forget it.
    pub(super) over: bool,
    /// How often the cluster took the device for dead and said so of the pod: each time it is told again.
    pub(super) doubts: u64,
}

/// Whose reports they are.
pub(super) struct Reporter {
    pub(super) client: Client,
    pub(super) pod: Arc<Pod>,
    pub(super) recorder: Recorder,
}

impl Reporter {
    /// Reports until the sender is gone. A report that does not get through gives way to a newer one.
    pub(super) async fn run(self, mut reports: watch::Receiver<Report>) {
        let namespace = self.pod.namespace().unwrap_or_default();
        let pods: Api<Lean<Pod>> = Api::namespaced(self.client.clone(), &namespace);
        let (mut told, mut refused) = (Report::default(), None);
        let mut pause = PAUSE;
        while reports.changed().await.is_ok() {
            loop {
                let report = reports.borrow_and_update().clone();
                match self.tell(&pods, &report, &told).await {
                    Ok(()) => {
                        (told, refused, pause) = (report, None, PAUSE);
                        break;
                    }
                    Err(why) => {
                        if refused.as_ref() != Some(&why) {
                            tracing::warn!(namespace, pod = self.pod.name_any(), why, "not reported yet; trying again");
                            self.recorder.warning(&self.pod, "StatusNotReported", why.as_str());
                            refused = Some(why);
                        }
                        let newer = tokio::time::timeout(pause, reports.changed()).await;
                        if matches!(newer, Ok(Err(_))) {
                            return;
                        }
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                }
            }
        }
    }

    /// Fails with what the API server said, and the right that is missing where it is one.
    async fn tell(&self, pods: &Api<Lean<Pod>>, report: &Report, told: &Report) -> Result<(), String> {
        let (name, uid) = (self.pod.name_any(), self.pod.uid());
        if report.status != told.status || report.doubts != told.doubts {
            // The UID makes this a precondition: a namesake is none of our business.
            let patch = json!({"metadata": {"uid": uid}, "status": report.status});
            let patched = pods.patch_status(&name, &PatchParams::default(), &Patch::Merge(patch)).await;
            self.settled(pods, patched.map(drop)).await.map_err(|error| refusal("patch", "pods/status", &error))?;
        }
        if report.over && !told.over {
            let params = DeleteParams {
                grace_period_seconds: Some(0),
                preconditions: Some(Preconditions { uid, resource_version: None }),
                ..DeleteParams::default()
            };
            let deleted = pods.delete(&name, &params).await;
            self.settled(pods, deleted.map(drop)).await.map_err(|error| refusal("delete", "pods", &error))?;
        }
        Ok(())
    }

    /// A pod that is gone, or another one by now, need not be told of; a conflict may also mean nothing but "again".
    async fn settled(&self, pods: &Api<Lean<Pod>>, told: kube::Result<()>) -> kube::Result<()> {
        match told {
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {
                let live = pods.get_metadata_opt(&self.pod.name_any()).await?;
                let is_there = live.is_some_and(|live| live.metadata.uid == self.pod.metadata.uid);
                if is_there { Err(kube::Error::Api(status)) } else { Ok(()) }
            }
            told => told,
        }
    }
}
