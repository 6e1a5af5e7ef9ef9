//! The cluster as a whole: its parts put together.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::alloc::{self, Network};
use crate::controllers::{self, PodNetworks, PodNetworksError};
use crate::registry::{self, Registry};
use crate::rest::{Addresses, Api, ApiService};
use crate::server::{self, Authority, AuthorityError, ServeError, Serving};
use crate::store::{JournalError, NAMESPACES, Store, StoreError, Window};
use crate::{Environment, System};

/// So long may a child of whoever had the data directory, one that has not become its program yet, hold it.
const PATIENCE: Duration = Duration::from_secs(2);
/// From one look to the next.
const PACE: Duration = Duration::from_millis(20);

/// An embedded cluster; clones share it.
#[derive(Clone, Debug)]
pub struct Cluster {
    api: Api,
    authority: Arc<Authority>,
    networks: PodNetworks,
}

/// The running controllers; dropping this ends them.
#[derive(Debug)]
#[must_use = "the controllers end when this is dropped"]
pub struct Controllers {
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// What a cluster is built from.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Where objects and keys are kept; `None` keeps them in memory.
    pub(crate) data_dir: Option<PathBuf>,
    /// How many events each collection remembers for watchers.
    pub(crate) window: Window,
    /// Services get their cluster addresses from here.
    pub(crate) service_cidr: String,
    /// Nodes get their pod networks (/24 each) from here.
    pub(crate) pod_cidr: String,
    /// The node annotation that says how to reach its kubelet: `http` or `https` (the default).
    pub(crate) kubelet_scheme_annotation: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: None,
            window: Window::default(),
            service_cidr: "127.96.0.0/16".into(),
            pod_cidr: "127.64.0.0/11".into(),
            kubelet_scheme_annotation: "kubelet-scheme".into(),
        }
    }
}

/// A cluster could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("the cluster's own namespaces cannot be created: {0}")]
    Bootstrap(#[from] StoreError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("{path}: cannot be made: {source}")]
    DataDir { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error("services: {0}")]
    Services(#[from] alloc::NetworkError),
    #[error(transparent)]
    Pods(#[from] PodNetworksError),
}

/// Builds a [`Cluster`].
pub struct Builder {
    config: Config,
    environment: Arc<dyn Environment>,
}

impl Builder {
    /// Keeps objects and keys in this directory; a cluster built on it again has them all.
    #[must_use]
    pub fn data_dir(mut self, dir: impl Into<Option<PathBuf>>) -> Self {
        self.config.data_dir = dir.into();
        self
    }

    /// How many events each collection remembers for watchers.
    #[must_use]
    pub fn window(mut self, window: Window) -> Self {
        self.config.window = window;
        self
    }

    /// The network of service addresses; 127.96.0.0/16 unless said.
    #[must_use]
    pub fn service_cidr(mut self, cidr: impl Into<String>) -> Self {
        self.config.service_cidr = cidr.into();
        self
    }

    /// The network that nodes get their pod networks from; 127.64.0.0/11 unless said.
    #[must_use]
    pub fn pod_cidr(mut self, cidr: impl Into<String>) -> Self {
        self.config.pod_cidr = cidr.into();
        self
    }

    /// The node annotation by which a node says that its kubelet speaks plain `http`.
    #[must_use]
    pub fn kubelet_scheme_annotation(mut self, name: impl Into<String>) -> Self {
        self.config.kubelet_scheme_annotation = name.into();
        self
    }

    /// Another clock and other random numbers, for tests.
    #[must_use]
    pub fn environment(mut self, environment: impl Environment) -> Self {
        self.environment = Arc::new(environment);
        self
    }

    /// Opens or creates the cluster. No task runs and no port is open yet.
    ///
    /// # Errors
    /// When the data directory cannot be used.
    pub async fn build(self) -> Result<Cluster, BuildError> {
        let networks = PodNetworks::parse(&self.config.pod_cidr)?;
        let services = Network::parse(&self.config.service_cidr)?;
        if let Some(dir) = &self.config.data_dir {
            make_private(dir).map_err(|source| BuildError::DataDir { path: dir.clone(), source })?;
        }
        let authority = Arc::new(Authority::open(self.config.data_dir.as_deref())?);
        let store = match &self.config.data_dir {
            None => Store::in_memory(self.environment, self.config.window),
            Some(dir) => open(dir, &self.environment, self.config.window).await?,
        };
        for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            bootstrap_namespace(&store, name)?;
        }
        let registry = Registry::new(&store)?;
        registry::resume(&store);
        let addresses = Arc::new(Addresses::new(services, &store)?);
        let api = Api { store, registry, addresses, schemas: Arc::default(), config: Arc::new(self.config) };
        Ok(Cluster { api, authority, networks })
    }
}

/// Opens the store in `dir`, and waits for whoever is about to let go of it.
async fn open(dir: &Path, environment: &Arc<dyn Environment>, window: Window) -> Result<Store, JournalError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match Store::open(dir, environment.clone(), window) {
            Err(JournalError::InUse { .. }) if Instant::now() < deadline => sleep(PACE).await,
            done => return done,
        }
    }
}

impl Cluster {
    /// What there is to say of a cluster before it is built; everything has a default.
    pub fn builder() -> Builder {
        Builder { config: Config::default(), environment: Arc::new(System) }
    }

    /// The handle for what runs inside the cluster: no HTTP, no admission.
    pub fn store(&self) -> &Store {
        &self.api.store
    }

    /// The API as a service; no socket.
    pub fn service(&self) -> ApiService {
        ApiService::new(self.api.clone())
    }

    /// A client of this cluster. Must be called within a Tokio runtime.
    pub fn client(&self) -> kube::Client {
        kube::Client::new(self.service(), "default")
    }

    /// Serves the API over HTTPS on a loopback address; port 0 takes any free one. With a data directory the
    /// kubeconfig is written to `kubeconfig` in it. The Service `kubernetes` in `default` then says where.
    ///
    /// # Errors
    /// When the address cannot be listened on, or the kubeconfig or the Service not be written.
    pub async fn serve(&self, address: SocketAddr) -> Result<Serving, ServeError> {
        let kubeconfig = self.api.config.data_dir.as_ref().map(|dir| dir.join("kubeconfig"));
        let within = self.api.addresses.api_address();
        let serving = server::serve(self.service(), &self.authority, address, within, kubeconfig).await?;
        controllers::publish(&self.api.store, within, serving.addr())?;
        Ok(serving)
    }

    /// Starts the controllers that make a cluster of the API; a test double may well do without.
    pub fn start_controllers(&self) -> Controllers {
        let stop = CancellationToken::new();
        let root = self.authority.certificate().to_owned();
        let tasks = controllers::start(&self.api.store, &self.api.registry, self.networks, Some(root), &stop);
        Controllers { stop, tasks }
    }

    /// Adds nodes for tests: ready at once, and every pod that is bound to one runs at once and goes when it is deleted, though
    /// no program is started. The controllers have to run too: they give a node its network, and bind pods.
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube::{Api, api::PostParams, runtime::wait::{await_condition, conditions::is_pod_running}};
    ///
    /// let cluster = dayu_cluster::Cluster::builder().build().await?;
    /// let (_controllers, _nodes) = (cluster.start_controllers(), cluster.start_hollow_nodes(&["edge1", "edge2"])?);
    /// let pods: Api<Pod> = Api::default_namespaced(cluster.client());
    /// let pod = serde_json::json!({
    ///     "metadata": {"name": "camera"},
    ///     "spec": {"nodeName": "edge2", "containers": [{"name": "camera", "image": "camera:1"}]},
    /// });
    /// pods.create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
    /// await_condition(pods, "camera", is_pod_running()).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When a node cannot be written.
    pub fn start_hollow_nodes(&self, names: &[&str]) -> Result<Controllers, StoreError> {
        let stop = CancellationToken::new();
        let tasks = controllers::play_nodes(&self.api.store, names, &stop)?;
        Ok(Controllers { stop, tasks })
    }
}

impl Controllers {
    /// Ends the controllers, each at its next pause.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Objects hold secrets.
fn make_private(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn bootstrap_namespace(store: &Store, name: &str) -> Result<(), StoreError> {
    let namespace = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": { "name": name, "labels": { "kubernetes.io/metadata.name": name } },
        "spec": { "finalizers": ["kubernetes"] },
        "status": { "phase": "Active" },
    });
    match store.create(&NAMESPACES, namespace) {
        Ok(_) | Err(StoreError::AlreadyExists { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
