//! The global manager under measurement, in a process of its own, so that what it takes can be told from all else.
mod process;
mod requests;

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use dayu_core::{
    api::{NAMESPACE, RuntimeService, annotation},
    link::MANAGER_LEASE,
};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, Client, CustomResourceExt, ResourceExt,
    runtime::wait::{await_condition, conditions},
};
use tokio::time::{Instant, timeout};

use crate::{failure::Failure, usage::Usage};

pub(crate) use process::{Arguments, run};
pub(crate) use requests::Counted;

/// Longest wait for one to lead.
const PATIENCE: Duration = Duration::from_secs(60);

/// The manager that measures are taken of. Its process ends with its standard input, so never outlives this one.
pub(crate) struct Manager {
    process: Child,
    counts: BufReader<ChildStdout>,
}

impl Manager {
    /// Starts one that reaches the API as `kubeconfig` says.
    pub(crate) fn start(kubeconfig: &Path, identity: &str) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["manager", "--identity", identity, "--kubeconfig"]).arg(kubeconfig);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let counts = BufReader::new(process.stdout.take().ok_or("no output")?);
        Ok(Self { process, counts })
    }

    pub(crate) fn usage(&self) -> std::io::Result<Usage> {
        Usage::of_process(self.process.id())
    }

    /// What it has asked of the API so far.
    pub(crate) fn requests(&mut self) -> Result<Counted, Failure> {
        let mut line = String::new();
        self.process.stdin.as_mut().ok_or("no input")?.write_all(b"\n")?;
        self.counts.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    /// As a power cut would.
    pub(crate) fn kill(&mut self) -> Result<Instant, Failure> {
        self.process.kill()?;
        Ok(Instant::now())
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        // Closes its input first.
        let _ = self.process.wait();
    }
}

/// Where the manager that leads takes links, once its kinds are served.
pub(crate) async fn link_of(client: Client) -> Result<SocketAddr, Failure> {
    let leads = async {
        let definition = RuntimeService::crd_name();
        await_condition(Api::all(client.clone()), definition, conditions::is_crd_established()).await?;
        let lease = Api::<Lease>::namespaced(client, NAMESPACE).get(MANAGER_LEASE).await?;
        let address = lease.annotations().get(annotation::LINK_ADDRESS).ok_or("the Lease has no address")?;
        Ok(address.parse()?)
    };
    timeout(PATIENCE, leads).await.map_err(|_| "the manager's process does not lead")?
}
