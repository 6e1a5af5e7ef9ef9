//! Kubernetes with devices whose pods and routes are played by doubles, and the global manager beside it as it would be
//! installed: a process of its own, with the rights of the chart.
use std::time::Duration;

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Pod, Service},
    discovery::v1::{Endpoint, EndpointSlice},
};
use kube::{Api, Client, ResourceExt, api::PostParams, core::NamespaceResourceScope};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use xtask::kube::{Assets, ControlPlane, Seat, Settings};

use dayu_core::api::{RuntimeService, condition, label};

use super::{kubelet, sightings::Sightings};
use crate::{
    engine::{NAMESPACE, create_node, doubles::Doubles, runtime_service},
    failure::Failure,
    manager::{Manager, link_of},
    usage::Usage,
};

const MANIFESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/dayu.yaml");
/// As the API server's metrics name them.
const WRITES: [&str; 6] = ["APPLY", "DELETE", "DELETECOLLECTION", "PATCH", "POST", "PUT"];
/// Without a request for so long, the manager has nothing more to do.
const QUIET: Duration = Duration::from_secs(3);

pub(super) struct Site {
    pub(super) devices: Vec<String>,
    pub(super) manager: Manager,
    pub(super) seen: Observer,
    pub(super) client: Client,
    doubles: Option<Doubles>,
    pub(super) plane: ControlPlane,
}

/// What a user's program watches.
pub(super) struct Observer {
    /// Those on a device, by the RuntimeService that they belong to.
    pub(super) placed_pods: Sightings,
    /// By the same.
    pub(super) ready_pods: Sightings,
    /// By the Service that they are of.
    pub(super) ready_slices: Sightings,
    pub(super) ready: Sightings,
    pub(super) deployments: Sightings,
    pub(super) services: Sightings,
}

/// How often the manager has asked the API server, but for its Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) reads: usize,
    pub(super) writes: usize,
}

impl Site {
    pub(super) async fn open(assets: &Assets, settings: Settings, devices: usize) -> Result<Self, Failure> {
        let plane = ControlPlane::start_with(assets, settings).await?;
        let client = dayu_core::connect::client(Some(&plane.kubeconfig())).await?;
        // As many cloud nodes as users have.
        let edges = (1..devices).map(|device| format!("edge{device}"));
        let devices: Vec<String> = std::iter::once("cloud.kubeedge".to_owned()).chain(edges).collect();
        for device in &devices {
            create_node(&client, device).await?;
        }
        let manager = start_manager(&plane, "first", &devices[0]).await?;
        let link = link_of(client.clone()).await?;
        let mut doubles = Doubles::connect(link, &devices).await?;
        doubles.play("kubelets", kubelet::breathe(client.clone(), devices.clone()));
        doubles.play("pods", kubelet::play(client.clone()));
        // A connection of its own: what it sees does not wait behind what is created.
        let observer = dayu_core::connect::client(Some(&plane.kubeconfig())).await?;
        Ok(Self { devices, manager, seen: Observer::start(&observer), client, doubles: Some(doubles), plane })
    }

    /// Starts another manager beside the one that leads.
    pub(super) async fn start_manager(&self, identity: &str) -> Result<Manager, Failure> {
        start_manager(&self.plane, identity, &self.devices[0]).await
    }

    /// Creates a RuntimeService on one of the devices in turn.
    pub(super) async fn create(&self, name: &str, number: usize) -> Result<(), Failure> {
        let device = &self.devices[number % self.devices.len()];
        self.post::<RuntimeService>(runtime_service(name, device)).await
    }

    pub(super) async fn post<K>(&self, object: Value) -> Result<(), Failure>
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned
            + Serialize,
    {
        let object: K = serde_json::from_value(object)?;
        Api::<K>::namespaced(self.client.clone(), NAMESPACE).create(&PostParams::default(), &object).await?;
        Ok(())
    }

    pub(super) fn asked(&self) -> Result<Asked, Failure> {
        let requests = self.plane.requests()?;
        let requests = requests.iter().filter(|request| request.resource != "leases");
        let (reads, writes): (Vec<_>, Vec<_>) =
            requests.partition(|request| matches!(&*request.verb, "get" | "list" | "watch"));
        Ok(Asked { reads: reads.len(), writes: writes.len() })
    }

    /// Waits until the manager has nothing more to do.
    pub(super) async fn settle(&self) -> Result<Asked, Failure> {
        let mut before = self.asked()?;
        loop {
            tokio::time::sleep(QUIET).await;
            let now = self.asked()?;
            if now == before {
                return Ok(now);
            }
            before = now;
        }
    }

    /// Processor seconds so far, by who took them: the control plane's programs, the manager, and this one.
    pub(super) fn spent(&self) -> Result<Vec<(&'static str, f64)>, Failure> {
        let here = [("this program, with its doubles and watches", std::process::id())];
        let processes = self.plane.processes().into_iter().chain(here);
        let spent = processes.map(|(name, id)| Ok((name, Usage::of_process(id)?.seconds)));
        spent.chain([Ok(("the manager", self.manager.usage()?.seconds))]).collect()
    }

    /// What the API server was asked to write by anybody so far, Kubernetes' own controllers and heartbeats included.
    pub(super) async fn written(&self) -> Result<u64, Failure> {
        let metrics = self.plane.run_kubectl(&["get", "--raw", "/metrics"], "").await?;
        let requests = metrics.lines().filter(|line| line.starts_with("apiserver_request_total{"));
        let is_write = |line: &&str| WRITES.iter().any(|verb| line.contains(&format!("verb=\"{verb}\"")));
        let count = |line: &str| Some(line.rsplit(' ').next()?.parse::<f64>().ok()? as u64);
        Ok(requests.filter(is_write).filter_map(count).sum())
    }

    /// Ends it, those first that need the others.
    pub(super) async fn close(mut self) -> Result<(), Failure> {
        self.dismiss_doubles().await
    }

    /// From here on nobody plays pods and routes.
    pub(super) async fn dismiss_doubles(&mut self) -> Result<(), Failure> {
        match self.doubles.take() {
            Some(doubles) => doubles.shutdown().await,
            None => Ok(()),
        }
    }
}

impl Observer {
    fn start(client: &Client) -> Self {
        Self {
            placed_pods: Sightings::of::<Pod>(client, |pod| {
                pod.spec.as_ref()?.node_name.as_ref()?;
                pod.labels().get(label::RUNTIME_ID).cloned()
            }),
            ready_pods: Sightings::of::<Pod>(client, ready_pod),
            ready_slices: Sightings::of::<EndpointSlice>(client, ready_slice),
            ready: Sightings::of::<RuntimeService>(client, |service| {
                let status = service.status.as_ref()?;
                condition::holds(&status.conditions, condition::READY).then(|| service.name_any())
            }),
            deployments: Sightings::of::<Deployment>(client, |deployment| Some(deployment.name_any())),
            services: Sightings::of::<Service>(client, |service| Some(service.name_any())),
        }
    }
}

/// The RuntimeService of a pod that is ready.
fn ready_pod(pod: &Pod) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let ready = conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
    pod.labels().get(label::RUNTIME_ID).filter(|_| ready).cloned()
}

/// The Service of a slice that has an endpoint which is ready.
fn ready_slice(slice: &EndpointSlice) -> Option<String> {
    let ready =
        |endpoint: &Endpoint| endpoint.conditions.as_ref().is_some_and(|conditions| conditions.ready == Some(true));
    slice.labels().get("kubernetes.io/service-name").filter(|_| slice.endpoints.iter().flatten().any(ready)).cloned()
}

/// With the rights of the chart.
async fn start_manager(plane: &ControlPlane, identity: &str, node: &str) -> Result<Manager, Failure> {
    let kubeconfig = plane.account(MANIFESTS.as_ref(), "gm", Seat { pod: identity, node }).await?;
    let path = plane.kubeconfig().with_file_name(format!("{identity}.conf"));
    std::fs::write(&path, kubeconfig.to_string())?;
    Manager::start(&path, identity)
}

impl Asked {
    pub(super) fn since(self, before: Self) -> Self {
        Self { reads: self.reads - before.reads, writes: self.writes - before.writes }
    }
}
