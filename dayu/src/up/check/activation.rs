//! How long a ready worker waits until its resource says so: pod Ready event → RuntimeService Ready event.
use std::{collections::BTreeMap, pin::pin, time::Duration};

use dayu_core::{
    api::{RuntimeService, lean::Lean},
    connect::told,
    name::Device,
};
use futures::{StreamExt, stream::BoxStream};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, PostParams, WatchEvent, WatchParams},
};
use serde_json::json;
use tokio::time::Instant;

/// The label that carries the resource's name on its pods.
const RUNTIME_ID: &str = "dayu.io/runtime-id";
/// Longest wait for all to become ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// Activation could not be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot measure activation: {}", told(.0))]
    Api(#[from] kube::Error),
    #[error("cannot measure activation: the probe resource is invalid: {0}")]
    Probe(#[from] serde_json::Error),
    #[error("only {ready} of {asked} probe resources became ready within {} s; `dayu get rts` says why", PATIENCE.as_secs())]
    Late { ready: usize, asked: usize },
}

/// What a round of probes showed.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// From each one's pod Ready to its resource Ready, sorted.
    pub(super) delays: Vec<Duration>,
    /// From the first creation to the last resource Ready.
    pub(super) took: Duration,
}

/// Creates `count` probes on `device` at once, waits until all are ready, deletes them.
pub(super) async fn measure(
    client: &Client,
    namespace: &str,
    device: &Device,
    round: &str,
    count: usize,
) -> Result<Round, Error> {
    let services: Api<Lean<RuntimeService>> = Api::namespaced(client.clone(), namespace);
    let names: Vec<String> = (0..count).map(|at| format!("probe-{round}-{at}")).collect();
    let pods = changes(Api::<Lean<Pod>>::namespaced(client.clone(), namespace)).await?;
    let resources = changes(services.clone()).await?;
    let began = Instant::now();
    for name in &names {
        services.create(&PostParams::default(), &probe(name, device)?).await?;
    }
    let mut delays = delays(pods, resources, &names).await;
    let took = began.elapsed();
    for name in &names {
        services.delete(name, &DeleteParams::background()).await?;
    }
    if delays.len() < count {
        return Err(Error::Late { ready: delays.len(), asked: count });
    }
    delays.sort();
    Ok(Round { delays, took })
}

/// Events of all objects of a kind from now on.
async fn changes<K>(api: Api<K>) -> Result<BoxStream<'static, K>, kube::Error>
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    let version = api.list_metadata(&kube::api::ListParams::default().limit(1)).await?.metadata.resource_version;
    let events = api
        .watch(&WatchParams::default().timeout(PATIENCE.as_secs() as u32), version.as_deref().unwrap_or("0"))
        .await?;
    Ok(events
        .filter_map(async |event| match event {
            Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => Some(object),
            _ => None,
        })
        .boxed())
}

/// Of each name, from its pod Ready to its resource Ready. The two are told over different connections, of which the second may be
/// heard first. Those that took too long are missing.
async fn delays(
    mut pods: BoxStream<'static, Lean<Pod>>,
    mut resources: BoxStream<'static, Lean<RuntimeService>>,
    names: &[String],
) -> Vec<Duration> {
    let (mut since, mut until) = (BTreeMap::new(), BTreeMap::new());
    let mut patience = pin!(tokio::time::sleep(PATIENCE));
    while since.len().min(until.len()) < names.len() {
        let (name, events) = tokio::select! {
            biased;
            Some(pod) = pods.next() => (pod.labels().get(RUNTIME_ID).filter(|_| pod_is_ready(&pod)).cloned(), &mut since),
            Some(resource) = resources.next() => (Some(resource.name_any()).filter(|_| is_ready(&resource)), &mut until),
            () = &mut patience => break,
            else => break,
        };
        if let Some(name) = name.filter(|name| names.contains(name)) {
            events.entry(name).or_insert_with(Instant::now);
        }
    }
    until
        .iter()
        .filter_map(|(name, until)| since.get(name).map(|since| until.saturating_duration_since(*since)))
        .collect()
}

fn pod_is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn is_ready(resource: &RuntimeService) -> bool {
    let Ok(value) = serde_json::to_value(&resource.status) else { return false };
    let conditions =
        value.pointer("/conditions").and_then(|conditions| conditions.as_array()).cloned().unwrap_or_default();
    conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

fn probe(name: &str, device: &Device) -> Result<Lean<RuntimeService>, serde_json::Error> {
    serde_json::from_value(json!({
        "apiVersion": "sedna.io/v1alpha1",
        "kind": "RuntimeService",
        "metadata": {"name": name},
        "spec": {
            "installID": "self-test",
            "deploymentRevision": 1,
            "component": "probe",
            "targetNode": device,
            "endpoint": {"port": 9000},
            "podTemplate": {"spec": {"enableServiceLinks": false, "containers": [{
                "name": "probe",
                "image": "dayu-pipeline/detector:v1",
                "env": [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
                "ports": [{"containerPort": 9000}],
                "readinessProbe": {"tcpSocket": {"port": 9000}, "periodSeconds": 1},
            }]}},
        },
    }))
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    fn after<T: Send + 'static>(millis: u64, event: T) -> BoxStream<'static, T> {
        let told = async move {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            event
        };
        stream::once(told).boxed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_resource_that_is_heard_of_before_its_pod_counts() {
        let ready = json!({"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z",
            "reason": "Ready", "message": ""}]});
        let pod = |name: &str| {
            let pod = json!({"metadata": {"labels": {RUNTIME_ID: name}}, "status": ready});
            serde_json::from_value::<Lean<Pod>>(pod).unwrap()
        };
        let resource = |name: &str| {
            let mut resource = probe(name, &"edge1".into()).unwrap().into_inner();
            resource.status = serde_json::from_value(ready.clone()).unwrap();
            serde_json::from_value::<Lean<RuntimeService>>(serde_json::to_value(resource).unwrap()).unwrap()
        };
        let names = ["early", "late"].map(str::to_owned);
        let pods = stream::select(after(5, pod("early")), after(20, pod("late")));
        let resources = stream::select(after(12, resource("early")), after(12, resource("late")));
        let delays = delays(pods.boxed(), resources.boxed(), &names).await;
        assert_eq!(delays, [7, 0].map(Duration::from_millis));
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_became_ready_in_time_are_counted() {
        let pod = json!({"metadata": {"labels": {RUNTIME_ID: "early"}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        let pod = serde_json::from_value::<Lean<Pod>>(pod).unwrap();
        let mut resource = json!(probe("early", &"edge1".into()).unwrap().into_inner());
        resource["status"] = json!({"conditions": [{"type": "Ready", "status": "True",
            "lastTransitionTime": "2026-01-01T00:00:00Z", "reason": "Ready", "message": ""}]});
        let resource = serde_json::from_value::<Lean<RuntimeService>>(resource).unwrap();
        let names = ["early", "never"].map(str::to_owned);
        let pods = after(5, pod).chain(stream::pending()).boxed();
        let resources = after(12, resource).chain(stream::pending()).boxed();
        assert_eq!(delays(pods, resources, &names).await, [Duration::from_millis(7)]);
    }
}
