//! What a global manager is told at its start.
use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use dayu_core::api::env;

/// The global manager.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// How to reach the API; without it, KUBECONFIG, the pod's service account or ~/.kube/config.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Only resources of this namespace.
    #[arg(long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Where local managers connect; port 0 takes any free one, and the Lease says which.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9000")]
    pub link_listen: SocketAddr,
    /// What the Lease tells local managers to connect to, where it is not the address that is listened on.
    #[arg(long, value_name = "HOST:PORT")]
    pub link_advertise: Option<String>,
    /// Also take connections to the link without TLS and believe what they say of themselves: for local controllers of Sedna.
    #[arg(long)]
    pub link_plain: bool,
    /// Where health, readiness and metrics are served, such as 127.0.0.1:9001; nowhere unless said.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub status: Option<SocketAddr>,
    /// Where workers find the local manager of their device: the value of LC_SERVER, in which $(LC_HOST) stands for the
    /// address of the device.
    #[arg(long, value_name = "URL", default_value = env::LOCAL_MANAGER)]
    pub local_manager_url: String,
    /// Leave the custom resource definitions as they are instead of installing and updating them.
    #[arg(long)]
    pub keep_crds: bool,
    /// Who this manager is among several: the holder of the Lease [default: host name and process]
    #[arg(long, value_name = "NAME", env = "POD_NAME")]
    pub identity: Option<String>,
}

impl Default for Options {
    /// Everything at its default, the link on any free port of 127.0.0.1.
    fn default() -> Self {
        Self {
            kubeconfig: None,
            namespace: None,
            link_listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            link_advertise: None,
            link_plain: false,
            status: None,
            local_manager_url: env::LOCAL_MANAGER.to_owned(),
            keep_crds: false,
            identity: None,
        }
    }
}
