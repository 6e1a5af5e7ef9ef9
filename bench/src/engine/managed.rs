//! The embedded plane over HTTPS, as daemons reach it, and a manager there.
use std::{net::SocketAddr, path::Path};

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
}

impl Managed {
    /// Starts a manager of `cluster`, told in `folder` how to reach it, and waits until it leads.
    pub(super) async fn start(cluster: &Cluster, folder: &Path) -> Result<Self, Failure> {
        let serving = cluster.serve(([127, 0, 0, 1], 0).into()).await?;
        let kubeconfig = folder.join("kubeconfig");
        std::fs::write(&kubeconfig, serving.kubeconfig())?;
        let manager = Manager::start(&kubeconfig, "bench")?;
        let link = link_of(cluster.client()).await?;
        Ok(Self { manager, link, serving })
    }

    pub(super) async fn end(self) {
        drop(self.manager);
        self.serving.shutdown().await;
    }
}
