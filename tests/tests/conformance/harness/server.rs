//! The two servers.

use std::path::PathBuf;

use dayu_cluster::{Cluster, store::Window};
use kube::{Client, Config, config::Kubeconfig};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use xtask::kube::{Assets, ControlPlane};

/// So many changes of a collection the embedded server remembers here.
pub(crate) const WINDOW: usize = 64;

/// A server that a session can talk to.
pub(crate) struct Server {
    pub(crate) client: Client,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) kubectl: PathBuf,
    /// What kubectl remembers of a server must not outlive the scenario.
    pub(crate) scratch: TempDir,
    _embedded: Option<(dayu_cluster::server::Serving, dayu_cluster::Controllers)>,
}

/// One for all scenarios; it ends with this process.
static PLANE: OnceCell<Option<ControlPlane>> = OnceCell::const_new();

/// Kubernetes, where there is one.
pub(crate) async fn real() -> Option<Server> {
    let start = || async {
        let assets = Assets::for_tests()?;
        let mut plane = ControlPlane::start(&assets).await.expect("the control plane starts");
        // A new API server remembers no change from before it: what is older has expired.
        plane.restart_api_server().await.expect("the API server starts again");
        Some(plane)
    };
    let plane = PLANE.get_or_init(start).await.as_ref()?;
    Some(Server::at(plane.kubeconfig(), plane.kubectl(), tempfile::tempdir().unwrap(), None).await)
}

/// The embedded one, new each time.
pub(crate) async fn embedded() -> Server {
    let scratch = tempfile::tempdir().unwrap();
    let builder = Cluster::builder().data_dir(scratch.path().join("data")).service_cidr("10.96.0.0/16");
    // Enough for every scenario but the one about what has expired.
    let builder = builder.window(Window { events: WINDOW, bytes: 1 << 20 });
    let cluster = builder.build().await.unwrap();
    let serving = cluster.serve(([127, 0, 0, 1], 0).into()).await.unwrap();
    let controllers = cluster.start_controllers();
    let kubeconfig = serving.kubeconfig_path().unwrap().to_owned();
    let kubectl = Assets::for_tests().expect("the real one has started").program("kubectl");
    Server::at(kubeconfig, kubectl, scratch, Some((serving, controllers))).await
}

impl Server {
    /// Major and minor.
    pub(crate) async fn version(&self) -> String {
        let version = self.client.apiserver_version().await.unwrap();
        format!("{}.{}", version.major, version.minor)
    }

    async fn at(
        kubeconfig: PathBuf,
        kubectl: PathBuf,
        scratch: TempDir,
        embedded: Option<(dayu_cluster::server::Serving, dayu_cluster::Controllers)>,
    ) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let read = Kubeconfig::read_from(&kubeconfig).unwrap();
        let config = Config::from_custom_kubeconfig(read, &Default::default()).await.unwrap();
        let client = Client::try_from(config).unwrap();
        Self { client, kubeconfig, kubectl, scratch, _embedded: embedded }
    }
}
