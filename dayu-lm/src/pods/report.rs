//! Telling the API how a pod is: always the newest, never the same twice.
use std::time::Duration;

use dayu_core::{api::lean::Lean, name::Uid};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use serde_json::json;
use tokio::sync::watch;

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
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: Uid,
}

impl Reporter {
    /// Reports until the sender is gone. A report that does not get through gives way to a newer one.
    pub(super) async fn run(self, mut reports: watch::Receiver<Report>) {
        let pods: Api<Lean<Pod>> = Api::namespaced(self.client.clone(), &self.namespace);
        let mut told = Report::default();
        let mut pause = PAUSE;
        while reports.changed().await.is_ok() {
            loop {
                let report = reports.borrow_and_update().clone();
                match self.tell(&pods, &report, &told).await {
                    Ok(()) => {
                        (told, pause) = (report, PAUSE);
                        break;
                    }
                    Err(error) => {
                        tracing::debug!(pod = %format_args!("{}/{}", self.namespace, self.name), %error, "not reported yet");
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

    async fn tell(&self, pods: &Api<Lean<Pod>>, report: &Report, told: &Report) -> Result<(), kube::Error> {
        if report.status != told.status || report.doubts != told.doubts {
            // The UID makes this a precondition: a namesake is none of our business.
            let patch = json!({"metadata": {"uid": self.uid.as_str()}, "status": report.status});
            moot(pods.patch_status(&self.name, &PatchParams::default(), &Patch::Merge(patch)).await.map(drop))?;
        }
        if report.over && !told.over {
            let uid = Some(self.uid.to_string());
            let params = DeleteParams {
                grace_period_seconds: Some(0),
                preconditions: Some(Preconditions { uid, resource_version: None }),
                ..DeleteParams::default()
            };
            moot(pods.delete(&self.name, &params).await.map(drop))?;
        }
        Ok(())
    }
}

/// A pod that is gone, or another one by now, need not be told of.
fn moot(result: Result<(), kube::Error>) -> Result<(), kube::Error> {
    match result {
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        other => other,
    }
}
