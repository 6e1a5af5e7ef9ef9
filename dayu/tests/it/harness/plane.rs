//! A control plane in the test's own process, served over HTTPS to the daemons that are tested.
use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use dayu_cluster::{Cluster, Controllers, server::Serving};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use tempfile::TempDir;

/// Runs until it is dropped.
pub(crate) struct Plane {
    pub(crate) client: Client,
    cluster: Cluster,
    dir: TempDir,
    _running: (Serving, Controllers),
}

impl Plane {
    /// Each has networks of its own, so that tests run side by side, and beside a `dayu up`.
    pub(crate) async fn start() -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let _ = rustls::crypto::ring::default_provider().install_default();
        let number = (std::process::id() * 16 + STARTED.fetch_add(1, Ordering::Relaxed)) % 128;
        let (high, low) = (number / 16, number % 16 * 16);
        let dir = tempfile::tempdir().unwrap();
        let builder = Cluster::builder().data_dir(dir.path().join("plane"));
        let builder = builder.pod_cidr(format!("127.{}.{low}.0/20", 80 + high));
        let builder = builder.service_cidr(format!("127.{}.{low}.0/20", 112 + high));
        let cluster = builder.kubelet_scheme_annotation("dayu.io/kubelet-scheme").build().await.unwrap();
        let serving = cluster.serve(([127, 0, 0, 1], 0).into()).await.unwrap();
        let running = (serving, cluster.start_controllers());
        Self { client: cluster.client(), cluster, dir, _running: running }
    }

    /// Devices without local managers: whatever is placed there runs, as far as one can see.
    pub(crate) fn play_nodes(&self, names: &[&str]) -> Controllers {
        self.cluster.start_hollow_nodes(names).unwrap()
    }

    pub(crate) fn kubeconfig(&self) -> String {
        self.path("plane/kubeconfig").to_str().unwrap().to_owned()
    }

    /// The same, but where nobody listens.
    pub(crate) fn kubeconfig_of_nobody(&self) -> String {
        let kubeconfig = std::fs::read_to_string(self.kubeconfig()).unwrap();
        let server = kubeconfig.lines().find(|line| line.trim_start().starts_with("server:")).unwrap();
        self.write("nobody", &kubeconfig.replace(server, "    server: https://127.0.0.1:1"))
    }

    /// A path in this test's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a manifest and gives its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// A client as the user of a kubeconfig has it.
pub(crate) async fn client_of(kubeconfig: &Path) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}
