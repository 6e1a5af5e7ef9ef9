//! Commands beside a run: probes.
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;

use super::{
    births::Awaited,
    identity::{self, Identity, MARK},
    mounts,
    spawn::{self, PATH},
};

/// A command with everything it starts; what of it still runs ends when this is dropped.
pub(super) struct Beside(Awaited);

/// Starts a command with the environment, the files and the folder of a living process.
pub(super) fn start(process: &Identity, command: &[String]) -> Result<Beside, String> {
    let [program, arguments @ ..] = command else { return Err("the probe has no command".to_owned()) };
    let failed = |error: io::Error| format!("{program}: {error}");
    let proc = PathBuf::from(format!("/proc/{}", process.pid));
    let environment = identity::environment(process.pid).map_err(failed)?;
    let entries =
        environment.split(|byte| *byte == 0).filter_map(|entry| std::str::from_utf8(entry).ok()?.split_once('='));
    let env: Vec<(&str, &str)> = entries.collect();
    let path = env.iter().find(|(name, _)| *name == "PATH").map_or(PATH, |(_, value)| value);
    let root = proc.join("root");
    let dir = fs::read_link(proc.join("cwd")).map_err(failed)?;
    let seen = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
    let executable = spawn::executable(seen, program, path, None).map_err(|problem| problem.message)?;
    let mut child = Command::new(executable);
    child.args(arguments).env_clear().envs(env.iter().copied()).current_dir(dir).process_group(0);
    if let Some((_, mark)) = env.iter().find(|(name, _)| *name == MARK) {
        child.env(MARK, identity::mark_beside(mark));
    }
    child.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    mounts::spawn_beside(process.pid, child).map(Beside).map_err(failed)
}

impl Beside {
    /// Waits for its end.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.0.wait().await
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let id = self.0.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = id.and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
