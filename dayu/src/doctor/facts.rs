//! What the checks look at, asked for once and side by side.
use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use dayu_core::{
    api::{
        Installed, JointMultiEdgeService, NAMESPACE, RuntimeService,
        annotation::LINK_ADDRESS,
        lean::{Large, Lean},
    },
    connect::told,
    daemon::Trouble,
    link::MANAGER_LEASE,
    route::SourceState,
};
use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::{
    admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding},
    coordination::v1::Lease,
    core::v1::{Namespace, Node, Pod, Service},
    events::v1::Event,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ListParams, ObjectList},
};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::{net::TcpStream, time::timeout};

use super::{
    finding::Finding,
    kubelets::{self, Names},
    rules,
};
use crate::mesh_api;

/// Holds the Leases by which nodes say that they live.
const HEARTBEATS: &str = "kube-node-lease";
/// For whoever is asked beside the API.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Everything that was asked for. What could not be read is absent, and told in `unread`.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) now: Timestamp,
    pub(crate) unread: Vec<Finding>,
    pub(crate) definitions: Option<Vec<Installed>>,
    pub(crate) leases: Option<Vec<Lease>>,
    pub(crate) heartbeats: Option<Vec<Lease>>,
    pub(crate) nodes: Option<Vec<Node>>,
    pub(crate) namespaces: Option<Vec<Namespace>>,
    pub(crate) pods: Option<Vec<Pod>>,
    pub(crate) services: Option<Vec<Service>>,
    pub(crate) runtime_services: Option<Vec<RuntimeService>>,
    pub(crate) joint_services: Option<Vec<JointMultiEdgeService>>,
    /// What daemons say that hinders them.
    pub(crate) hindered: Option<Vec<Event>>,
    /// The names of admission policies, and of what binds them.
    pub(crate) policies: Option<Vec<String>>,
    pub(crate) bindings: Option<Vec<String>>,
    /// Whether the link's published address takes connections from here.
    pub(crate) link: Option<Result<(), String>>,
    /// The meshes of the devices that this machine is or plays.
    pub(crate) meshes: BTreeMap<String, Result<Mesh, String>>,
    /// What kubelets tell pods of names, where they say it.
    pub(crate) kubelets: BTreeMap<String, Names>,
    /// Rules of an earlier mesh on this machine, counted by what removes them.
    pub(crate) rules: BTreeMap<String, usize>,
}

/// What a mesh says of itself.
#[derive(Debug, Default)]
pub(crate) struct Mesh {
    pub(crate) ready: bool,
    /// It goes by what it knew before it started.
    pub(crate) stale: bool,
    pub(crate) failed: Vec<Listener>,
    pub(crate) troubles: Vec<Trouble>,
}

/// Something that should listen and cannot.
#[derive(Debug, Deserialize)]
pub(crate) struct Listener {
    pub(crate) service: String,
    pub(crate) address: SocketAddr,
    pub(crate) reason: String,
}

impl Facts {
    /// Asks the API, the link and the meshes in reach.
    pub(crate) async fn gather(client: &Client) -> Self {
        let mut facts = Self { now: Timestamp::now(), ..Self::default() };
        let leases = |namespace: &str| list(Api::<Lease>::namespaced(client.clone(), namespace));
        let (
            definitions,
            leases,
            heartbeats,
            nodes,
            namespaces,
            pods,
            services,
            runtime_services,
            joint_services,
            hindered,
            policies,
            bindings,
        ) = tokio::join!(
            list(Api::<Installed>::all(client.clone())),
            leases(NAMESPACE),
            leases(HEARTBEATS),
            lean(client),
            list(Api::<Namespace>::all(client.clone())),
            lean(client),
            lean(client),
            lean(client),
            lean(client),
            hindered(client),
            names::<ValidatingAdmissionPolicy>(client),
            names::<ValidatingAdmissionPolicyBinding>(client),
        );
        facts.definitions = facts.read(definitions);
        facts.leases = facts.read(leases);
        facts.heartbeats = facts.read(heartbeats);
        facts.nodes = facts.read(nodes);
        facts.namespaces = facts.read(namespaces);
        facts.pods = facts.read(pods);
        facts.services = facts.read(services);
        facts.runtime_services = facts.read(runtime_services);
        facts.joint_services = facts.read(joint_services);
        facts.hindered = facts.read(hindered);
        facts.policies = facts.read(policies);
        facts.bindings = facts.read(bindings);
        let address = facts.link_address();
        let nodes = facts.nodes.as_deref().unwrap_or_default();
        (facts.link, facts.meshes, facts.kubelets, facts.rules) =
            tokio::join!(connects(address.as_deref()), meshes(nodes), kubelets::names(client, nodes), rules::left());
        facts
    }

    /// The device that this machine is.
    pub(crate) fn here(&self) -> Option<&str> {
        let here = |node: &&Node| mesh_api::device(node).is_some_and(|at| !at.is_loopback() && mesh_api::is_here(at));
        self.nodes.iter().flatten().find(here)?.metadata.name.as_deref()
    }

    fn read<T>(&mut self, answer: Result<Vec<T>, Finding>) -> Option<Vec<T>> {
        let told = |finding| {
            // A server that does not answer is one finding, whatever it was asked for.
            if !self.unread.contains(&finding) {
                self.unread.push(finding);
            }
        };
        answer.map_err(told).ok()
    }

    /// What the global manager's Lease says.
    fn link_address(&self) -> Option<String> {
        let lease = self.leases.iter().flatten().find(|lease| lease.name_any() == MANAGER_LEASE)?;
        lease.annotations().get(LINK_ADDRESS).cloned()
    }
}

/// All objects of a large kind.
async fn lean<K>(client: &Client) -> Result<Vec<K>, Finding>
where
    K: Resource<DynamicType = ()> + Clone + Large + std::fmt::Debug,
{
    let list = list(Api::<Lean<K>>::all(client.clone())).await?;
    Ok(list.into_iter().map(Lean::into_inner).collect())
}

/// Of all events those by which a daemon says what hinders it.
async fn hindered(client: &Client) -> Result<Vec<Event>, Finding> {
    listed(Api::all(client.clone()), &ListParams::default().fields("reason=Hindered")).await
}

async fn list<K>(api: Api<K>) -> Result<Vec<K>, Finding>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    listed(api, &ListParams::default()).await
}

async fn listed<K>(api: Api<K>, which: &ListParams) -> Result<Vec<K>, Finding>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    of_kind::<K, _>(api.list(which).await)
}

/// The names of all objects of a kind.
async fn names<K>(client: &Client) -> Result<Vec<String>, Finding>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let list = Api::<K>::all(client.clone()).list_metadata(&ListParams::default()).await;
    Ok(of_kind::<K, _>(list)?.iter().map(ResourceExt::name_any).collect())
}

/// The objects of kind `K` that an answer lists.
fn of_kind<K: Resource<DynamicType = ()>, O: Clone>(answer: kube::Result<ObjectList<O>>) -> Result<Vec<O>, Finding> {
    match answer {
        Ok(list) => Ok(list.items),
        // A kind that is not defined has no objects; that it is not, another check says.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        Err(error) => Err(unread(&K::plural(&()), &error)),
    }
}

fn unread(what: &str, error: &kube::Error) -> Finding {
    let kube::Error::Api(status) = error else {
        let remedy = "is the API running, and is this its address? --kubeconfig names another";
        return Finding::fault("API", "server", told(error), remedy);
    };
    let remedy = match status.code {
        401 => "the credentials of the kubeconfig are not accepted: take one that kubectl can use".to_owned(),
        403 => format!("run it as somebody who may list {what} in all namespaces: `kubectl auth can-i list {what} -A`"),
        _ => "look at the API server's own log".to_owned(),
    };
    Finding::fault("API", what, format!("cannot be read: {}", status.message), remedy)
}

async fn connects(address: Option<&str>) -> Option<Result<(), String>> {
    let connected = timeout(PATIENCE, TcpStream::connect(address?)).await;
    Some(match connected {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    })
}

async fn meshes(nodes: &[Node]) -> BTreeMap<String, Result<Mesh, String>> {
    let beside = |node| mesh_api::beside(mesh_api::device(node)?);
    let own = nodes.iter().filter_map(|node| Some((node.name_any(), beside(node)?)));
    join_all(own.map(async |(device, address)| (device, mesh(address).await))).await.into_iter().collect()
}

async fn mesh(address: SocketAddr) -> Result<Mesh, String> {
    #[derive(Deserialize)]
    struct Listeners {
        failed: Vec<Listener>,
    }
    #[derive(Default, Deserialize)]
    struct Troubles {
        troubles: Vec<Trouble>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Report {
        source_state: SourceState,
    }
    let readiness = mesh_api::get(address, "/readyz").await?;
    let report = serde_json::from_slice::<Report>(&readiness.body);
    let stale = report.is_ok_and(|report| report.source_state == SourceState::Stale);
    let listeners = mesh_api::get(address, "/v1/listeners").await?;
    let listeners: Listeners = serde_json::from_slice(&listeners.body)
        .map_err(|error| format!("whatever listens on {address} is no mesh of this release: {error}"))?;
    let troubles = mesh_api::get(address, "/v1/troubles").await?;
    // An older mesh does not say.
    let Troubles { troubles } = serde_json::from_slice(&troubles.body).unwrap_or_default();
    Ok(Mesh { ready: readiness.good, stale, failed: listeners.failed, troubles })
}
