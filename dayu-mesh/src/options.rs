//! What a mesh is told at its start.
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::Args;
use dayu_core::{balance::policy::BuiltIn, name::Device};
use ipnet::Ipv4Net;

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
    /// Where they are served as well: a Unix socket, for pods that have a network of their own and mount its folder
    #[arg(long, value_name = "FILE")]
    pub socket: Option<PathBuf>,
    /// Where it keeps what it knows, so that it routes as soon as it starts, even while its device does not reach the API;
    /// without it, it has no route until it has heard the API.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// What tells the cluster from others, so that nothing that was kept of another one is served; `run` finds it out.
    #[arg(skip)]
    pub cluster: String,
    /// How one of several equal endpoints is chosen where the Service does not say so (annotation dayu.io/balance): p2c,
    /// least-request, least-request:CHOICES, round-robin, random or consistent-hash
    #[arg(long, value_name = "NAME", default_value_t = Options::POLICY)]
    pub policy: BuiltIn,
    /// When told to end, connections have so many seconds to come to their own end before they are cut.
    #[arg(long, value_name = "SECONDS", default_value_t = Options::DRAIN)]
    pub drain: u64,
    /// Connections at once, half of them at one address; more are refused at once [default: what the limit of open files
    /// allows, at most 50000]
    #[arg(long, value_name = "NUMBER")]
    pub connections: Option<usize>,
    /// A connection over which nothing flows for so many seconds is cut; 0 for never.
    #[arg(long, value_name = "SECONDS", default_value_t = Options::IDLE)]
    pub idle: u64,
    /// Where names of Services are served to programs that have no proxy, such as 169.254.96.16:53; nowhere unless said.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub dns: Option<SocketAddr>,
    /// Name servers for all other names [default: those of /etc/resolv.conf]
    #[arg(long, value_name = "ADDRESS:PORT,…", value_delimiter = ',')]
    pub dns_upstream: Vec<SocketAddr>,
    /// Names of a Service on one device are each given an address of this network, which is nobody else's.
    #[arg(long, value_name = "NETWORK", default_value_t = Options::DNS_NETWORK)]
    pub dns_network: Ipv4Net,
}

impl Options {
    /// The policy that is used where none is named: power of two choices.
    pub const POLICY: BuiltIn = BuiltIn::PowerOfTwo;
    /// Seconds that connections have to end where nothing else is said.
    pub const DRAIN: u64 = 5;
    /// Seconds until an idle connection is cut where nothing else is said.
    pub const IDLE: u64 = 3_600;
    /// Addresses of names where nothing else is said: of a part of IPv4 that nobody was given.
    pub const DNS_NETWORK: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(241, 0, 0, 0), 8);

    /// Everything at its default for the device `node`.
    pub fn of(node: impl Into<Device>) -> Self {
        let (node, policy) = (node.into(), Self::POLICY);
        let (drain, idle) = (Self::DRAIN, Self::IDLE);
        let (dns, dns_upstream, dns_network) = (None, Vec::new(), Self::DNS_NETWORK);
        let (kubeconfig, status, socket, connections) = (None, None, None, None);
        let (data, cluster) = Default::default();
        Self {
            kubeconfig,
            node,
            status,
            socket,
            data,
            cluster,
            policy,
            drain,
            connections,
            idle,
            dns,
            dns_upstream,
            dns_network,
        }
    }

    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(self.drain)
    }

    pub(crate) fn idle(&self) -> Duration {
        if self.idle == 0 { Duration::MAX } else { Duration::from_secs(self.idle) }
    }
}
