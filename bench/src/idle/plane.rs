//! A plane that nobody manages yet.
use std::{
    io,
    path::{Path, PathBuf},
};

use dayu_cluster::{Cluster, server::Serving};
use tokio::runtime::Runtime;

/// Serves over HTTPS, as daemons reach it, until it is dropped.
pub(super) struct Plane {
    kubeconfig: PathBuf,
    _serving: Serving,
    _runtime: Runtime,
}

impl Plane {
    /// A new one, told in `folder` how to reach it.
    pub(super) fn start(folder: &Path) -> io::Result<Self> {
        let runtime = Runtime::new()?;
        let serving = runtime.block_on(async {
            let cluster = Cluster::builder().build().await.map_err(io::Error::other)?;
            cluster.serve(([127, 0, 0, 1], 0).into()).await.map_err(io::Error::other)
        })?;
        std::fs::create_dir_all(folder)?;
        let kubeconfig = folder.join("kubeconfig");
        std::fs::write(&kubeconfig, serving.kubeconfig())?;
        Ok(Self { kubeconfig, _serving: serving, _runtime: runtime })
    }

    pub(super) fn kubeconfig(&self) -> String {
        self.kubeconfig.display().to_string()
    }
}
