//! Faults between the API and a global manager where a worker of a JointMultiEdgeService changes and another one goes.
use dayu_core::api::JointMultiEdgeService;
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{
    Instead::{self, Believed},
    PATIENCE, Row, SHORTLY, Scene,
    Telling::Meanwhile,
    befall,
    global_manager::{Manager, WRITTEN},
    layer::Fault::{CutShort, Refused, Truncated},
    parse,
};

struct Joint(Manager);

/// A name is there twice, so that a change replaces the whole object: an API server applies no such one.
fn worker(image: &str) -> Value {
    let env = json!([{"name": "X", "value": "1"}, {"name": "X", "value": "2"}]);
    json!({"template": {"spec": {"nodeName": "edge1", "containers": [{"name": "a", "image": image, "env": env}]}}})
}

fn name(number: usize) -> String {
    format!("cam-{number}")
}

fn is_ready(service: &JointMultiEdgeService) -> bool {
    let conditions = service.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|condition| condition.kind == "Ready" && condition.status == "True")
}

impl Joint {
    fn services(&self) -> Api<JointMultiEdgeService> {
        Api::default_namespaced(self.client())
    }

    /// What the Deployments of one resource run.
    async fn images(&self, number: usize) -> Vec<String> {
        let deployments = Api::<Deployment>::default_namespaced(self.client());
        let all = deployments.list(&ListParams::default()).await.unwrap();
        let ours = all.iter().filter(|one| one.name_any().starts_with(&format!("{}-", name(number))));
        ours.map(|one| one.spec.template.spec.as_ref().unwrap().containers[0].image.clone().unwrap()).collect()
    }
}

impl Scene for Joint {
    async fn act(&mut self, number: usize) {
        let service = json!({
            "apiVersion": "sedna.io/v1alpha1", "kind": "JointMultiEdgeService", "metadata": {"name": name(number)},
            "spec": {"edgeWorker": [worker("i:1"), worker("i:1")]},
        });
        self.services().create(&PostParams::default(), &parse(service)).await.unwrap();
        let both = async {
            while self.images(number).await.len() < 2 {
                sleep(SHORTLY).await;
            }
        };
        timeout(PATIENCE, both).await.expect("both workers are made");
        let patch = Patch::Merge(json!({"spec": {"edgeWorker": [worker("i:2")]}}));
        self.services().patch(&name(number), &PatchParams::default(), &patch).await.unwrap();
    }

    async fn is_in_order(&mut self, number: usize) -> bool {
        self.images(number).await == ["i:2"] && is_ready(&self.services().get(&name(number)).await.unwrap())
    }

    async fn told(&mut self, number: usize) -> String {
        format!("{:#?}\n", self.services().get(&name(number)).await.unwrap().status)
    }

    fn client(&self) -> Client {
        self.0.client.clone()
    }
}

async fn befalls(row: &Row) {
    let mut joint = Joint(Manager::lead().await);
    let faults = joint.0.faults.clone();
    befall(&mut joint, &faults, row).await;
}

fn is_to_a_deployment(path: &str) -> bool {
    path.contains("/deployments/")
}

#[tokio::test(start_paused = true)]
async fn replacing_children() {
    befalls(&Row {
        what: "replacing children",
        which: |method, path| method == "PUT" && is_to_a_deployment(path),
        right: "update deployments.apps",
        told: Meanwhile,
        but: &[],
    })
    .await;
}

/// What the watch would tell as well.
const GONE: Instead = Believed("it says that the child is gone");

#[tokio::test(start_paused = true)]
async fn pruning_children() {
    befalls(&Row {
        what: "pruning children",
        which: |method, path| method == "DELETE" && is_to_a_deployment(path),
        right: "delete deployments.apps",
        told: Meanwhile,
        but: &[(Refused(404, "NotFound"), GONE), (Truncated, WRITTEN), (CutShort, WRITTEN)],
    })
    .await;
}
