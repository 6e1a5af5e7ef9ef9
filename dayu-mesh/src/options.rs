//! What a mesh is told at its start.
use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use dayu_core::name::Device;

/// The mesh of one device.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// How to reach the API; without it, KUBECONFIG, the pod's service account or ~/.kube/config.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The device that this mesh serves: the name of its Kubernetes node.
    #[arg(long, value_name = "NAME", env = "NODE_NAME")]
    pub node: Device,
    /// Where status and directory are served [default: port 10551 of the device's address if that is a loopback
    /// address, else 127.0.0.1:10551]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub status: Option<SocketAddr>,
    /// How one of several equal endpoints is chosen.
    #[arg(long, value_name = "NAME", default_value = Options::POLICY)]
    pub policy: String,
}

impl Options {
    /// The policy that is used where none is named: power of two choices.
    pub const POLICY: &str = "p2c";

    /// Everything at its default for the device `node`.
    pub fn of(node: impl Into<Device>) -> Self {
        Self { kubeconfig: None, node: node.into(), status: None, policy: Self::POLICY.to_owned() }
    }
}
