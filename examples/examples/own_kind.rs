//! A kind of one's own: a Watch is one worker on every device that it names, and this is all that there is to write.
use std::error::Error;

use dayu_cluster::Cluster;
use dayu_core::api::condition::{self, READY, Verdict};
use dayu_core::engine::{self, Engine, World};
use dayu_core::template::{Failure, Observed, Plan, Rejection, Site, Slot, Template, Worker};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, PostParams};
use kube::runtime::wait::{await_condition, conditions::is_crd_established};
use kube::{CustomResource, CustomResourceExt, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;

#[derive(CustomResource, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[kube(group = "example.org", version = "v1", kind = "Watch", plural = "watches", namespaced, status = "WatchStatus")]
pub(crate) struct WatchSpec {
    image: String,
    devices: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WatchStatus {
    pub(crate) ready: usize,
    pub(crate) conditions: Vec<Condition>,
}

pub(crate) struct WatchTemplate;

impl Template for WatchTemplate {
    type Resource = Watch;
    type Status = WatchStatus;

    fn plan(&self, watch: &Watch, site: &Site) -> Result<Plan, Rejection> {
        let mut plan = Plan::default();
        for (at, device) in watch.spec.devices.iter().enumerate() {
            let field = format!("spec.devices[{at}]");
            if !site.devices.contains_key(device.as_str()) {
                let (reason, remedy) = (Rejection::NODE_NOT_FOUND, "name a node of the cluster".to_owned());
                return Err(Rejection { reason, field, message: format!("no device is called {device}"), remedy });
            }
            let name = format!("{}-{device}", watch.name_any());
            let deployment = serde_json::from_value(json!({
                "metadata": {"name": name},
                "spec": {"selector": {"matchLabels": {"app": name}}, "template": {
                    "metadata": {"labels": {"app": name}},
                    "spec": {"nodeSelector": {"kubernetes.io/hostname": device}, "containers": [{"name": "watch", "image": watch.spec.image}]},
                }},
            }));
            let deployment = deployment.map_err(|error| Rejection::invalid(field, error.to_string(), "correct it"))?;
            let slot = Slot { role: "watch".to_owned(), device: Some(device.as_str().into()), ordinal: 0 };
            plan.workers.push(Worker { slot, deployment });
        }
        Ok(plan)
    }

    fn status(&self, watch: &Watch, observed: &Observed) -> WatchStatus {
        let ready = observed.workers.values().filter(|worker| worker.pods.iter().any(|pod| pod.ready)).count();
        let verdict = match &observed.failure {
            Some(Failure::Rejected(why)) => Verdict::new(READY, false, why.reason, why.to_string()),
            Some(Failure::Refused { message, .. }) => Verdict::new(READY, false, "Refused", message),
            None if ready < observed.plan.workers.len() => {
                Verdict::new(READY, false, "Waiting", format!("{ready} run"))
            }
            None => Verdict::new(READY, true, "AllRun", format!("{ready} run")),
        };
        let stored = watch.status.clone().unwrap_or_default().conditions;
        let generation = watch.metadata.generation.unwrap_or_default();
        WatchStatus { ready, conditions: condition::derive(&stored, vec![verdict], generation, observed.now) }
    }
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::builder().build().await?;
    let _running = (cluster.start_controllers(), cluster.start_hollow_nodes(&["edge1", "edge2"])?);
    let (client, shutdown, (world, _demands)) = (cluster.client(), CancellationToken::new(), World::new());
    let definitions = Api::all(client.clone());
    definitions.create(&PostParams::default(), &Watch::crd()).await?;
    await_condition(definitions, Watch::crd_name(), is_crd_established()).await?;
    tokio::spawn(world.clone().watch(client.clone(), shutdown.clone()));
    let engine = Engine::new(WatchTemplate, client.clone(), world, engine::Options::default());
    let engine = tokio::spawn(engine.run(shutdown.clone()));

    let watches = Api::<Watch>::default_namespaced(client.clone());
    for (name, device, reason) in [("all", "edge2", "AllRun"), ("lost", "edge9", Rejection::NODE_NOT_FOUND)] {
        let spec = WatchSpec { image: "watch:1".to_owned(), devices: vec!["edge1".to_owned(), device.to_owned()] };
        watches.create(&PostParams::default(), &Watch::new(name, spec)).await?;
        let tells = |status: &WatchStatus| status.conditions.iter().any(|condition| condition.reason == reason);
        await_condition(watches.clone(), name, |watch: Option<&Watch>| {
            watch.and_then(|watch| watch.status.as_ref()).is_some_and(tells)
        })
        .await?;
    }
    shutdown.cancel();
    Ok(engine.await?)
}
