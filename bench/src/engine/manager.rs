//! The global manager under measurement, in this process or in one of its own.
use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use dayu_cluster::{Cluster, server::Serving};
use dayu_gm::{Handle, Options};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, Client, CustomResourceExt, ResourceExt,
    runtime::wait::{await_condition, conditions},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    Failure,
    requests::{Counted, Requests},
};

/// Longest wait for a manager of its own process to lead.
const PATIENCE: Duration = Duration::from_secs(30);
/// Kernel ticks per second, in which processor time is told.
const TICKS: f64 = 100.0;

/// What the process of its own is told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How to reach the API.
    #[arg(long)]
    kubeconfig: PathBuf,
    /// Who it is among several.
    #[arg(long, default_value = "bench")]
    identity: String,
}

/// The manager that measures are taken of.
pub(super) enum Manager {
    Within { requests: Requests, link: SocketAddr, handle: Handle, stop: CancellationToken },
    Apart { process: Child, link: SocketAddr, serving: Serving, data: PathBuf },
}

/// What it has used so far, or between two moments.
pub(crate) struct Usage {
    /// Known of a manager in this process.
    requests: Option<Counted>,
    /// KiB, and processor seconds, of the manager's process: this one's, where it has none of its own.
    pub(crate) resident: u64,
    pub(crate) seconds: f64,
}

impl Manager {
    /// One in this process.
    pub(super) async fn within(cluster: &Cluster) -> Result<Self, Failure> {
        let (requests, stop) = (Requests::default(), CancellationToken::new());
        // The doubles of local managers have no key.
        let options = Options { link_plain: true, ..Options::default() };
        let mut handle = dayu_gm::run_with(requests.client(cluster), options, stop.clone());
        let link = handle.ready().await.ok_or("the manager ended before it was ready")?.link;
        Ok(Self::Within { requests, link, handle, stop })
    }

    /// One in a process of its own, over HTTPS.
    pub(super) async fn apart(cluster: &Cluster) -> Result<Self, Failure> {
        let data = std::env::temp_dir().join(format!("dayu-bench-{}", std::process::id()));
        std::fs::create_dir_all(&data)?;
        let serving = cluster.serve(([127, 0, 0, 1], 0).into()).await?;
        let kubeconfig = data.join("kubeconfig");
        std::fs::write(&kubeconfig, serving.kubeconfig())?;
        let mut command = Command::new(std::env::current_exe()?);
        // It ends with its standard input, so never outlives this process.
        command.arg("engine-manager").arg("--kubeconfig").arg(&kubeconfig).stdin(Stdio::piped());
        let process = command.spawn()?;
        let link =
            timeout(PATIENCE, link_of(cluster.client())).await.map_err(|_| "the manager's process does not lead")??;
        Ok(Self::Apart { process, link, serving, data })
    }

    pub(super) fn link(&self) -> SocketAddr {
        match self {
            Self::Within { link, .. } | Self::Apart { link, .. } => *link,
        }
    }

    pub(super) fn usage(&self) -> Result<Usage, Failure> {
        match self {
            Self::Within { requests, .. } => Usage::of(std::process::id(), Some(requests.counted())),
            Self::Apart { process, .. } => Usage::of_process(process.id()),
        }
    }

    pub(super) async fn end(self) -> Result<(), Failure> {
        match self {
            Self::Within { handle, stop, .. } => {
                stop.cancel();
                Ok(handle.finished().await?)
            }
            Self::Apart { mut process, serving, data, .. } => {
                drop(process.stdin.take());
                process.wait()?;
                serving.shutdown().await;
                Ok(std::fs::remove_dir_all(data)?)
            }
        }
    }
}

impl Usage {
    /// Of a process of its own.
    pub(crate) fn of_process(process: u32) -> Result<Self, Failure> {
        Self::of(process, None)
    }

    fn of(process: u32, requests: Option<Counted>) -> Result<Self, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let resident = resident.trim().trim_end_matches(" kB").parse::<u64>()?;
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
        Ok(Self { requests, resident, seconds: (ticks(11) + ticks(12)) / TICKS })
    }

    pub(crate) fn since(&self, before: &Self) -> Self {
        let requests = self.requests.zip(before.requests).map(|(after, before)| after.since(before));
        Self { requests, resident: self.resident, seconds: self.seconds - before.seconds }
    }

    /// In words, requests for each of `count` resources.
    pub(super) fn told(&self, count: usize) -> String {
        match self.requests {
            Some(requests) => requests.told(count),
            None => format!("the manager took {:.2} s of processor time and holds {} KiB", self.seconds, self.resident),
        }
    }
}

/// The manager in a process of its own, until its standard input ends.
pub(crate) fn run(arguments: &Arguments) -> std::io::Result<()> {
    let options = Options {
        kubeconfig: Some(arguments.kubeconfig.clone()),
        identity: Some(arguments.identity.clone()),
        link_plain: true,
        ..Options::default()
    };
    let stop = CancellationToken::new();
    let ended = stop.clone().drop_guard();
    std::thread::spawn(move || {
        let _ended = ended;
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink())
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(dayu_gm::run(options, stop)).map_err(std::io::Error::other)
}

/// Where the manager of a process of its own takes links, once it leads and its kinds are served.
pub(crate) async fn link_of(client: Client) -> Result<SocketAddr, Failure> {
    let definition = dayu_core::api::RuntimeService::crd_name();
    await_condition(Api::all(client.clone()), definition, conditions::is_crd_established()).await?;
    let lease = Api::<Lease>::namespaced(client, "dayu-system").get("dayu-gm").await?;
    let address = lease.annotations().get("dayu.io/link-address").ok_or("the Lease has no address")?;
    Ok(address.parse()?)
}
