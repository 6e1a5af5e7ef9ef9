//! The doubles: pods that are ready as soon as they are bound, devices that confirm every route that they are asked for, and
//! say every ten seconds that they live.
use std::{net::SocketAddr, time::Duration};

use dayu_cluster::{
    Cluster,
    store::{PODS, Store},
};
use dayu_core::{
    api::lean::Lean,
    link::{ActivationAck, ActivationRequest, Frame, Message, Operation},
};
use futures::{SinkExt, StreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{
    Api, Client, Resource,
    api::{Patch, PatchParams},
    client::Body,
};
use serde_json::{Value, json};
use tokio::{net::TcpStream, task::JoinSet, time::interval};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message as Ws, client::IntoClientRequest},
};
use tokio_util::sync::CancellationToken;

use super::{NAMESPACE, succeeded};
use crate::{
    failure::Failure,
    follow::{Follower, is_waiting},
};

/// Between two heartbeats of a node.
const BEAT: Duration = Duration::from_secs(10);
/// Pods that become ready at the same time.
const STARTED_AT_ONCE: usize = 32;

type Link = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The running doubles. Without one of them a run measures something else, so none may end before it is told to.
#[derive(Default)]
pub(crate) struct Doubles {
    parts: JoinSet<Result<(), Failure>>,
    stop: CancellationToken,
}

impl Doubles {
    /// One link per device.
    pub(crate) async fn connect(link: SocketAddr, devices: &[String]) -> Result<Self, Failure> {
        let mut doubles = Self::default();
        for device in devices {
            let mut request = format!("ws://{link}/").into_client_request()?;
            request.headers_mut().insert("Node-Name", device.parse()?);
            let (link, _) = connect_async(request).await?;
            doubles.play("link", confirm(link));
        }
        Ok(doubles)
    }

    /// Plays one more part.
    pub(crate) fn play(
        &mut self,
        what: &'static str,
        part: impl Future<Output = Result<(), Failure>> + Send + 'static,
    ) {
        let stopped = self.stop.clone();
        self.parts.spawn(async move {
            let Some(ended) = stopped.run_until_cancelled(part).await else { return Ok(()) };
            let why = ended.err().map_or_else(|| "it ended by itself".to_owned(), |why| why.to_string());
            let told = format!("double of {what}: {why}");
            // At once, since a run may then wait long for what never comes.
            println!("{told}");
            Err(told.into())
        });
    }

    /// Stops them all.
    ///
    /// # Errors
    /// When one has ended before.
    pub(crate) async fn shutdown(mut self) -> Result<(), Failure> {
        self.stop.cancel();
        while let Some(ended) = self.parts.join_next().await {
            ended??;
        }
        Ok(())
    }
}

/// Starts one link per device and one player of all pods.
pub(super) async fn start(cluster: &Cluster, link: SocketAddr, devices: &[String]) -> Result<Doubles, Failure> {
    let mut doubles = Doubles::connect(link, devices).await?;
    doubles.play("pods", play(cluster.store().clone(), cluster.client()));
    doubles.play("heartbeats", beat(cluster.client(), devices.to_vec()));
    Ok(doubles)
}

/// Confirms every route that this device is asked for.
async fn confirm(mut link: Link) -> Result<(), Failure> {
    let mut sequence = 0;
    while let Some(received) = link.next().await {
        let Ws::Text(text) = received? else { continue };
        let asked = Frame::decode(&text)?.message.filter(|message| message.operation == Operation::Insert);
        if let Some(message) = asked {
            sequence += 1;
            let answer = Frame { message: Some(acknowledge(&message, sequence)?), ..Frame::default() };
            link.send(Ws::text(answer.encode()?)).await?;
        }
    }
    Ok(())
}

fn acknowledge(message: &Message, sequence: u64) -> Result<Message, Failure> {
    let asked: ActivationRequest = serde_json::from_slice(&message.content)?;
    let ack = ActivationAck {
        runtime_service_uid: asked.runtime_service_uid,
        service_uid: asked.service_uid,
        endpoint_pod_uid: asked.endpoint_pod_uid,
        deployment_revision: asked.deployment_revision,
        runtime_id: asked.runtime_id,
        target_node: asked.target_node,
        local_sequence: sequence,
        observed_at: "2026-01-01T00:00:00Z".parse()?,
    };
    Ok(ack.message(&message.namespace)?)
}

/// Says of every node in turn that it lives, as a kubelet does, each once in ten seconds.
async fn beat(client: Client, devices: Vec<String>) -> Result<(), Failure> {
    let nodes = Api::<Lean<Node>>::all(client);
    let mut beats = interval(BEAT / u32::try_from(devices.len())?.max(1));
    for device in devices.iter().cycle() {
        beats.tick().await;
        let alive = json!({"type": "Ready", "status": "True", "lastHeartbeatTime": Timestamp::now()});
        let status = Patch::Strategic(json!({"status": {"conditions": [alive]}}));
        nodes.patch_status(device, &PatchParams::default(), &status).await?;
    }
    Ok(())
}

/// Makes every pod ready once it is bound.
async fn play(store: Store, client: Client) -> Result<(), Failure> {
    let mut pods = Follower::new(&store, PODS);
    let (mut starting, mut number) = (JoinSet::new(), 0);
    loop {
        for pod in pods.next().await {
            if !is_waiting(&pod)? {
                continue;
            }
            if starting.len() >= STARTED_AT_ONCE
                && let Some(started) = starting.join_next().await
            {
                started??;
            }
            starting.spawn(become_ready(client.clone(), number, pod.meta.name.as_ref().into()));
            number += 1;
        }
    }
}

/// By a request as a local manager sends it. What is answered costs that one, not the plane, and is not read.
async fn become_ready(client: Client, number: usize, name: String) -> Result<(), Failure> {
    let status = running(&format!("127.{}.{}.{}", 65 + number / 65_536, number / 256 % 256, number % 256));
    let pods = kube::core::Request::new(Pod::url_path(&(), Some(NAMESPACE)));
    let patch = pods.patch_subresource("status", &name, &PatchParams::default(), &Patch::Merge(status))?;
    succeeded(client.send(patch.map(Body::from)).await?.status())
}

/// What a kubelet says of a pod at `address` whose containers run and are ready.
pub(crate) fn running(address: &str) -> Value {
    json!({"status": {
        "phase": "Running",
        "podIP": address,
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
        "containerStatuses": [{"name": "worker", "ready": true, "image": "dayu/detector:1", "imageID": "", "restartCount": 0}],
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_that_ends_before_it_is_told_to_fails_the_run() {
        for (ends, expected) in [
            (Err("refused".into()), "double of heartbeats: refused"),
            (Ok(()), "double of heartbeats: it ended by itself"),
        ] {
            let (mut doubles, (playing, ended)) = (Doubles::default(), tokio::sync::oneshot::channel::<()>());
            doubles.play("link", std::future::pending());
            doubles.play("heartbeats", async move {
                drop(playing);
                ends
            });
            ended.await.unwrap_err();
            assert_eq!(doubles.shutdown().await.unwrap_err().to_string(), expected);
        }
    }

    #[tokio::test]
    async fn one_that_plays_until_it_is_stopped_fails_nothing() {
        let mut doubles = Doubles::default();
        doubles.play("link", std::future::pending());
        doubles.shutdown().await.unwrap();
    }
}
