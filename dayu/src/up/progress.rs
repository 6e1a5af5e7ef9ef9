//! Telling what happens while workers start, and where they run once they do.
use std::{collections::BTreeMap, time::Duration};

use dayu_core::{
    api::{JointMultiEdgeService, RuntimeService, lean::Lean},
    connect::told,
};
use futures::{StreamExt, stream::BoxStream};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::ListParams,
    runtime::{WatchStreamExt, watcher},
};
use serde::{Serialize, de::DeserializeOwned};

use super::check::targets::Addressed;
use crate::output;

/// Without a change for so long, what is not ready is told.
const QUIET: Duration = Duration::from_secs(5);

/// The plane stopped answering.
#[derive(Debug, thiserror::Error)]
#[error("the control plane does not answer: {}", told(.0))]
pub(crate) struct Error(#[from] kube::Error);

/// Waits for every resource of our kinds, telling each that becomes ready and, when nothing moves, what is missing.
pub(crate) async fn until_ready(client: &Client) -> Result<(), Error> {
    let mut states: BTreeMap<String, State> = BTreeMap::new();
    for name in names::<Lean<RuntimeService>>(client)
        .await?
        .into_iter()
        .chain(names::<Lean<JointMultiEdgeService>>(client).await?)
    {
        states.insert(name, State::Unknown);
    }
    let mut changes =
        futures::stream::select(watch::<Lean<RuntimeService>>(client), watch::<Lean<JointMultiEdgeService>>(client));
    while states.values().any(|state| *state != State::Ready) {
        match tokio::time::timeout(QUIET, changes.next()).await {
            Ok(Some((name, state))) => {
                if state == State::Ready && states.get(&name) != Some(&State::Ready) {
                    output::progress(&format!("  {name} is ready"));
                }
                states.insert(name, state);
            }
            Ok(None) => return Ok(()),
            Err(_) => states.iter().for_each(|(name, state)| {
                if let State::Waiting(why) = state {
                    output::progress(&format!("  {name} waits: {why}"));
                }
            }),
        }
    }
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Unknown,
    Waiting(String),
    Ready,
}

async fn names<K>(client: &Client) -> Result<Vec<String>, kube::Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let list = Api::<K>::all(client.clone()).list_metadata(&ListParams::default()).await?;
    Ok(list.items.iter().map(|item| format!("{}/{}", K::kind(&()), item.name_any())).collect())
}

fn watch<K>(client: &Client) -> BoxStream<'static, (String, State)>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + std::fmt::Debug + Send + 'static,
{
    let events = watcher(Api::<K>::all(client.clone()), watcher::Config::default()).applied_objects();
    events
        .filter_map(async |event| {
            event.ok().map(|object| (format!("{}/{}", K::kind(&()), object.name_any()), state(&object)))
        })
        .boxed()
}

/// The condition `Ready`, with its message when it is not true.
fn state(object: &impl Serialize) -> State {
    let Ok(value) = serde_json::to_value(object) else { return State::Unknown };
    let conditions = value.pointer("/status/conditions").and_then(|list| list.as_array()).cloned().unwrap_or_default();
    match conditions.iter().find(|condition| condition["type"] == "Ready") {
        Some(ready) if ready["status"] == "True" => State::Ready,
        Some(ready) => {
            let text = |field: &str| ready[field].as_str().unwrap_or_default().to_owned();
            State::Waiting(format!("{}: {}", text("reason"), text("message")))
        }
        None => State::Waiting("the global manager has not looked at it yet".to_owned()),
    }
}

/// The devices, their addresses, and where each one's mesh takes names.
pub(crate) fn devices(devices: &[Addressed]) -> String {
    let rows = devices.iter().map(|device| {
        let address = device.address.to_string();
        vec![
            device.device.to_string(),
            address.clone(),
            format!("http://{address}:10552"),
            format!("http://{address}:10551"),
        ]
    });
    output::table(&["DEVICE", "ADDRESS", "PROXY FOR NAMES", "STATUS AND DIRECTORY"], rows)
}

/// Prints where each worker runs and how each service is addressed.
pub(crate) async fn placement(client: &Client) -> Result<(), Error> {
    let pods = Api::<Lean<Pod>>::all(client.clone()).list(&ListParams::default()).await?;
    let rows = pods.items.iter().map(|pod| {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default();
        let address = pod.status.as_ref().and_then(|status| status.pod_ip.clone()).unwrap_or_default();
        vec![node, pod.name_any(), address]
    });
    output::line(&output::table(&["DEVICE", "WORKER", "ADDRESS"], rows));
    let services = Api::<Lean<Service>>::all(client.clone()).list(&ListParams::default()).await?;
    let rows =
        services.items.iter().filter(|service| service.namespace().as_deref() != Some("default")).map(|service| {
            let spec = service.spec.clone().unwrap_or_default();
            let port = spec.ports.unwrap_or_default().into_iter().next().unwrap_or_default();
            vec![
                format!("{}.{}.svc:{}", service.name_any(), service.namespace().unwrap_or_default(), port.port),
                spec.cluster_ip.unwrap_or_default(),
                port.node_port.map(|port| format!("<device address>:{port}")).unwrap_or_default(),
            ]
        });
    output::line(&output::table(&["SERVICE", "CLUSTER ADDRESS", "ON A DEVICE"], rows));
    Ok(())
}
