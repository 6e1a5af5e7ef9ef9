//! Faults between the API and a global manager where a device refuses pods, of which all but the last have to be cleared away.
use dayu_core::api::RuntimeService;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{
    PATIENCE, Row, SHORTLY, Scene,
    Telling::Meanwhile,
    befall,
    global_manager::{Manager, WRITTEN, runtime_service},
    layer::Fault::{CutShort, Truncated},
    parse,
};

/// More may not lie there.
const KEPT: usize = 2;

struct Refusing(Manager);

fn name(number: usize) -> String {
    format!("det-{number}")
}

fn is_refused(pod: &Pod) -> bool {
    pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Failed"))
}

impl Refusing {
    fn pods(&self) -> Api<Pod> {
        Api::default_namespaced(self.client())
    }

    /// Those that are played for one resource.
    async fn ours(&self, number: usize) -> Vec<Pod> {
        let all = self.pods().list(&ListParams::default()).await.unwrap();
        all.into_iter().filter(|pod| pod.name_any().starts_with(&format!("{}-refused-", name(number)))).collect()
    }
}

impl Scene for Refusing {
    /// Leaves one pod too many, refused, to a new resource, as Kubernetes does: the embedded control plane makes the next one only
    /// in the place of the last.
    async fn act(&mut self, number: usize) {
        let services = Api::<RuntimeService>::default_namespaced(self.client());
        let service = services.create(&PostParams::default(), &parse(runtime_service(&name(number)))).await.unwrap();
        let labels = json!({"dayu.io/resource-uid": service.uid(), "dayu.io/worker": name(number)});
        for one in 0..=KEPT {
            let pod = json!({
                "metadata": {"name": format!("{}-refused-{one}", name(number)), "labels": labels},
                "spec": {"containers": [{"name": "c", "image": "i:1"}]},
            });
            self.pods().create(&PostParams::default(), &parse(pod)).await.unwrap();
        }
        let refused =
            Patch::Merge(json!({"status": {"phase": "Failed", "reason": "OutOfmemory", "message": "no room"}}));
        let refuse = async {
            while let Some(pod) = self.ours(number).await.iter().find(|pod| !is_refused(pod)) {
                self.pods().patch_status(&pod.name_any(), &PatchParams::default(), &refused).await.unwrap();
                sleep(SHORTLY).await;
            }
        };
        timeout(PATIENCE, refuse).await.expect("all are refused");
    }

    async fn is_in_order(&mut self, number: usize) -> bool {
        self.ours(number).await.len() <= KEPT
    }

    async fn told(&mut self, number: usize) -> String {
        let services = Api::<RuntimeService>::default_namespaced(self.client());
        format!("{:#?}\n", services.get(&name(number)).await.unwrap().status)
    }

    fn client(&self) -> Client {
        self.0.client.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn clearing_pods_away() {
    let row = Row {
        what: "clearing pods away",
        which: |method, path| method == "DELETE" && path.ends_with("/pods"),
        right: "deletecollection pods",
        told: Meanwhile,
        but: &[(Truncated, WRITTEN), (CutShort, WRITTEN)],
    };
    let mut refusing = Refusing(Manager::lead().await);
    let faults = refusing.0.faults.clone();
    befall(&mut refusing, &faults, &row).await;
}
