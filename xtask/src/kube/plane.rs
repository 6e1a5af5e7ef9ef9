//! A running control plane: etcd, API server, controller manager, scheduler, each on a loopback port that was free.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::component::{self, Held, folder, last_lines, pids};
use super::layout::{ADMIN, Layout, Reach};
use super::{Assets, Error, Request, Settings, audit};

/// A loaded machine takes a while; one that takes longer has something to say in its logs.
const PATIENCE: Duration = Duration::from_secs(120);

/// By which a program shows that it does its part: kubectl gets an answer to this question.
#[derive(Clone, Copy)]
pub(super) struct Sign<'a> {
    pub(super) what: &'a str,
    /// The name that its log has.
    pub(super) log: &'a str,
    pub(super) question: &'a [&'a str],
}

const SERVES: Sign<'_> = Sign { what: "the API server", log: "kube-apiserver", question: &["get", "--raw", "/readyz"] };
const CONTROLS: Sign<'_> = Sign {
    what: "the controller manager",
    log: "kube-controller-manager",
    question: &["get", "serviceaccount", "default", "-n", "default"],
};

/// A control plane that ends, with all its state, when this is dropped or when this process ends.
#[derive(Debug)]
pub struct ControlPlane {
    // Fields are dropped in this order: who is served goes before who serves.
    scheduler: Held,
    controller_manager: Held,
    api_server: Held,
    etcd: Held,
    layout: Layout,
}

impl ControlPlane {
    /// Starts one in a temporary folder and waits until it serves.
    ///
    /// # Errors
    /// When a program is missing or not ready in time.
    pub async fn start(assets: &Assets) -> Result<Self, Error> {
        Self::reached(assets, Reach::Loopback, Settings::default()).await
    }

    /// The same, with further flags.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    pub async fn start_with(assets: &Assets, settings: Settings) -> Result<Self, Error> {
        Self::reached(assets, Reach::Loopback, settings).await
    }

    pub(super) async fn reached(assets: &Assets, reach: Reach, settings: Settings) -> Result<Self, Error> {
        let temporary = std::env::temp_dir();
        let dir = tempfile::Builder::new().prefix("kube-").tempdir_in(&temporary).map_err(Error::file(temporary))?;
        let layout = Layout::make(assets, dir.path(), reach, settings)?;
        // From here on the folder goes with etcd, even when this process is killed.
        let etcd = layout.etcd().hold(&layout.logs, Some(folder(dir.path())))?;
        let _ = dir.keep();
        let mut api_server = layout.api_server().hold(&layout.logs, None)?;
        answers(&layout, SERVES, Some(&mut api_server)).await?;
        let (manager, scheduler) = layout.controllers();
        let mut controller_manager = manager.hold(&layout.logs, None)?;
        let scheduler = scheduler.hold(&layout.logs, None)?;
        answers(&layout, CONTROLS, Some(&mut controller_manager)).await?;
        Ok(Self { scheduler, controller_manager, api_server, etcd, layout })
    }

    /// Starts one in a folder, where it stays until [`stop`](super::stop) is told the folder; gives its kubeconfig.
    ///
    /// # Errors
    /// When something was started there already, a program is missing or not ready in time.
    pub async fn start_detached(assets: &Assets, dir: &Path) -> Result<PathBuf, Error> {
        let dir = occupy(dir)?;
        let layout = Self::detached(assets, &dir, Reach::Loopback).await?;
        Ok(layout.kubeconfig(ADMIN))
    }

    pub(super) async fn detached(assets: &Assets, dir: &Path, reach: Reach) -> Result<Layout, Error> {
        let layout = Layout::make(assets, dir, reach, Settings::default())?;
        layout.etcd().detach(&layout.logs, dir)?;
        layout.api_server().detach(&layout.logs, dir)?;
        answers(&layout, SERVES, None).await?;
        let (manager, scheduler) = layout.controllers();
        manager.detach(&layout.logs, dir)?;
        scheduler.detach(&layout.logs, dir)?;
        answers(&layout, CONTROLS, None).await?;
        Ok(layout)
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Kills the API server and starts it again, at the same address, with what etcd holds.
    ///
    /// # Errors
    /// When it is not ready in time.
    pub async fn restart_api_server(&mut self) -> Result<(), Error> {
        self.api_server.end();
        self.api_server = self.layout.api_server().hold(&self.layout.logs, None)?;
        answers(&self.layout, SERVES, Some(&mut self.api_server)).await
    }

    /// The ids of its processes, by what they run.
    pub fn processes(&self) -> Vec<(&'static str, u32)> {
        let all = [
            ("kube-apiserver", &self.api_server),
            ("etcd", &self.etcd),
            ("kube-controller-manager", &self.controller_manager),
            ("kube-scheduler", &self.scheduler),
        ];
        all.into_iter().filter_map(|(name, held)| Some((name, held.process()?))).collect()
    }

    /// What service accounts have asked of it so far, but for those of Kubernetes itself.
    ///
    /// # Errors
    /// When the API server's record cannot be read.
    pub fn requests(&self) -> Result<Vec<Request>, Error> {
        audit::read(&self.layout.audit_log())
    }

    /// Runs the kubectl of its version as an administrator, and gives what it says.
    ///
    /// # Errors
    /// When it fails.
    pub async fn run_kubectl(&self, arguments: &[&str], input: &str) -> Result<String, Error> {
        let lost = |source| Error::Spawn { program: "kubectl".into(), source };
        let mut command = kubectl(&self.layout, arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut kubectl = command.spawn().map_err(lost)?;
        if let Some(mut stdin) = kubectl.stdin.take() {
            // What it does not want to read it complains about itself.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let output = kubectl.wait_with_output().await.map_err(lost)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        Err(Error::Kubectl { arguments: arguments.join(" "), said: text(&output.stderr) })
    }

    /// How an administrator reaches it.
    pub fn kubeconfig(&self) -> PathBuf {
        self.layout.kubeconfig(ADMIN)
    }

    /// The kubectl of its version.
    pub fn kubectl(&self) -> PathBuf {
        self.layout.assets.program("kubectl")
    }
}

/// Makes a folder for what is started detached, where there is none yet.
pub(super) fn occupy(dir: &Path) -> Result<PathBuf, Error> {
    std::fs::create_dir_all(dir).map_err(Error::file(dir))?;
    let dir = dir.canonicalize().map_err(Error::file(dir))?;
    if pids(&dir).exists() { Err(Error::Occupied(dir)) } else { Ok(dir) }
}

/// Waits for the sign, as long as the program that is to give it lives.
pub(super) async fn answers(layout: &Layout, sign: Sign<'_>, mut by: Option<&mut Held>) -> Result<(), Error> {
    let mut reason = String::new();
    let answered = async {
        while by.as_mut().is_none_or(|program| program.lives()) {
            let answer = kubectl(layout, sign.question).output().await;
            let answer = answer.map_err(|source| Error::Spawn { program: "kubectl".into(), source })?;
            if answer.status.success() {
                return Ok(true);
            }
            reason = String::from_utf8_lossy(&answer.stderr).trim().to_owned();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(false)
    };
    let outcome = tokio::time::timeout(PATIENCE, answered).await;
    let what = sign.what.to_owned();
    let log = || last_lines(&component::log(&layout.logs, sign.log));
    match outcome {
        Ok(Err(error)) => Err(error),
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(Error::Ended { what, log: log() }),
        Err(_) => Err(Error::NotReady { what, seconds: PATIENCE.as_secs(), reason, log: log() }),
    }
}

fn kubectl(layout: &Layout, arguments: &[&str]) -> Command {
    let mut kubectl = Command::new(layout.assets.program("kubectl"));
    kubectl.arg("--kubeconfig").arg(layout.kubeconfig(ADMIN)).arg("--cache-dir").arg(layout.dir.join("cache"));
    kubectl.args(["--request-timeout", "5s"]).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    kubectl
}
