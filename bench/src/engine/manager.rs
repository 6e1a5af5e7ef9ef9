//! The global manager under measurement, in a process of its own, so that what it takes can be told from all else.
use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use dayu_cluster::{Cluster, server::Serving};
use dayu_gm::Options;
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

/// Longest wait for it to lead.
const PATIENCE: Duration = Duration::from_secs(30);
/// Kernel ticks per second, in which processor time is told.
const TICKS: f64 = 100.0;

/// What its process is told.
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
pub(super) struct Manager {
    process: Child,
    /// A line asks how many requests there were; the process ends with it, so never outlives this one.
    ask: ChildStdin,
    counts: BufReader<ChildStdout>,
    link: SocketAddr,
    serving: Serving,
    data: PathBuf,
}

/// What it has used so far, or between two moments: KiB, and processor seconds.
pub(crate) struct Usage {
    pub(crate) resident: u64,
    pub(crate) seconds: f64,
}

impl Manager {
    /// Starts one that reaches `cluster` over HTTPS, and waits until it leads.
    pub(super) async fn start(cluster: &Cluster) -> Result<Self, Failure> {
        let data = std::env::temp_dir().join(format!("dayu-bench-{}", std::process::id()));
        std::fs::create_dir_all(&data)?;
        let serving = cluster.serve(([127, 0, 0, 1], 0).into()).await?;
        let kubeconfig = data.join("kubeconfig");
        std::fs::write(&kubeconfig, serving.kubeconfig())?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("engine-manager").arg("--kubeconfig").arg(&kubeconfig);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let ask = process.stdin.take().ok_or("no input")?;
        let counts = BufReader::new(process.stdout.take().ok_or("no output")?);
        let link =
            timeout(PATIENCE, link_of(cluster.client())).await.map_err(|_| "the manager's process does not lead")??;
        Ok(Self { process, ask, counts, link, serving, data })
    }

    pub(super) fn link(&self) -> SocketAddr {
        self.link
    }

    pub(super) fn usage(&self) -> Result<Usage, Failure> {
        Usage::of_process(self.process.id())
    }

    /// What it has asked of the API so far.
    pub(super) fn requests(&mut self) -> Result<Counted, Failure> {
        let mut line = String::new();
        self.ask.write_all(b"\n")?;
        self.counts.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    pub(super) async fn end(mut self) -> Result<(), Failure> {
        drop(self.ask);
        self.process.wait()?;
        self.serving.shutdown().await;
        Ok(std::fs::remove_dir_all(self.data)?)
    }
}

impl Usage {
    pub(crate) fn of_process(process: u32) -> Result<Self, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let resident = resident.trim().trim_end_matches(" kB").parse::<u64>()?;
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
        Ok(Self { resident, seconds: (ticks(11) + ticks(12)) / TICKS })
    }

    pub(crate) fn since(&self, before: &Self) -> Self {
        Self { resident: self.resident, seconds: self.seconds - before.seconds }
    }
}

/// The manager's process, until its standard input ends. Each line there is answered with how many requests there were.
pub(crate) fn run(arguments: &Arguments) -> std::io::Result<()> {
    let options = Options { identity: Some(arguments.identity.clone()), link_plain: true, ..Options::default() };
    let (requests, stop) = (Requests::default(), CancellationToken::new());
    let (ended, asked) = (stop.clone().drop_guard(), requests.clone());
    std::thread::spawn(move || -> std::io::Result<()> {
        let _ended = ended;
        for line in std::io::stdin().lines() {
            line?;
            println!("{}", serde_json::to_string(&asked.counted())?);
        }
        Ok(())
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let client = dayu_core::connect::client(Some(&arguments.kubeconfig)).await.map_err(std::io::Error::other)?;
        let managed = dayu_gm::run_with(requests.of(client), options, stop);
        managed.finished().await.map_err(std::io::Error::other)
    })
}

/// Where the manager of a process of its own takes links, once it leads and its kinds are served.
pub(crate) async fn link_of(client: Client) -> Result<SocketAddr, Failure> {
    let definition = dayu_core::api::RuntimeService::crd_name();
    await_condition(Api::all(client.clone()), definition, conditions::is_crd_established()).await?;
    let lease = Api::<Lease>::namespaced(client, "dayu-system").get("dayu-gm").await?;
    let address = lease.annotations().get("dayu.io/link-address").ok_or("the Lease has no address")?;
    Ok(address.parse()?)
}
