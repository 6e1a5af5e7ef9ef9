//! The embedded plane over HTTPS, as daemons reach it, and a manager there.
use std::{net::SocketAddr, path::PathBuf};

use dayu_cluster::{Cluster, server::Serving};

use crate::{
    failure::Failure,
    manager::{Manager, link_of},
};

pub(super) struct Managed {
    pub(super) manager: Manager,
    /// Where it takes links.
    pub(super) link: SocketAddr,
    serving: Serving,
    data: PathBuf,
}

impl Managed {
    /// Starts a manager of `cluster`, and waits until it leads.
    pub(super) async fn start(cluster: &Cluster) -> Result<Self, Failure> {
        let data = std::env::temp_dir().join(format!("dayu-bench-{}", std::process::id()));
        std::fs::create_dir_all(&data)?;
        let serving = cluster.serve(([127, 0, 0, 1], 0).into()).await?;
        let kubeconfig = data.join("kubeconfig");
        std::fs::write(&kubeconfig, serving.kubeconfig())?;
        let manager = Manager::start(&kubeconfig, "bench")?;
        let link = link_of(cluster.client()).await?;
        Ok(Self { manager, link, serving, data })
    }

    pub(super) async fn end(self) -> Result<(), Failure> {
        drop(self.manager);
        self.serving.shutdown().await;
        Ok(std::fs::remove_dir_all(self.data)?)
    }
}
