//! One program of a control plane, as a process that somebody will end.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::Error;

/// Ends its child when its own input ends, which is when whoever holds the other side ends, in whatever way. Where a
/// folder is named as the first argument, it goes with the child.
const KEEPER: &str = r#"
folder=$1; shift
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
{ read -r _ <&3; kill -9 "$child" 2>/dev/null; } &
wait "$child" 2>/dev/null
status=$?
[ -z "$folder" ] || rm -rf "$folder"
kill $! 2>/dev/null
exit "$status"
"#;

/// A program with its arguments, and the folder that its log goes to.
#[derive(Debug, Clone)]
pub(super) struct Component {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
}

/// A process that ends when this is dropped, or when this process ends.
#[derive(Debug)]
pub(super) struct Held(Child);

impl Component {
    pub(super) fn name(&self) -> String {
        self.program.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Runs it as long as the result is held. `folder` is removed when it ends.
    pub(super) fn hold(&self, logs: &Path, folder: Option<&Path>) -> Result<Held, Error> {
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(folder.unwrap_or(Path::new("")));
        keeper.arg(&self.program).args(&self.arguments).stdin(Stdio::piped());
        self.spawn(keeper, logs).map(Held)
    }

    /// Runs it until [`stop`] is told the folder, in which its id is noted.
    pub(super) fn detach(&self, logs: &Path, dir: &Path) -> Result<(), Error> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null());
        let child = self.spawn(command, logs)?;
        let pids = pids(dir);
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&pids)
            .and_then(|mut file| writeln!(file, "{} {}", child.id(), self.name()))
            .map_err(Error::file(&pids))
    }

    /// In a group of its own: what a terminal sends to ours is not for it.
    fn spawn(&self, mut command: Command, logs: &Path) -> Result<Child, Error> {
        let path = logs.join(format!("{}.log", self.name()));
        let log = OpenOptions::new().create(true).append(true).open(&path);
        let both = log.and_then(|log: File| Ok((log.try_clone()?, log)));
        let (stdout, stderr) = both.map_err(Error::file(&path))?;
        command.stdout(stdout).stderr(stderr).process_group(0);
        command.spawn().map_err(|source| Error::Spawn { program: self.program.display().to_string(), source })
    }
}

impl Held {
    /// Whether it still runs.
    pub(super) fn lives(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    /// Kills it and waits until it is gone.
    pub(super) fn end(&mut self) {
        drop(self.0.stdin.take());
        // Without input the keeper kills at once, and waits for what it killed.
        let _ = self.0.wait();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.end();
    }
}

/// Ends what was started in a folder, last first, and says how many there were.
///
/// # Errors
/// When the folder holds no record of anything.
pub async fn stop(dir: &Path) -> Result<usize, Error> {
    let pids = pids(dir);
    let text = fs::read_to_string(&pids).map_err(Error::file(&pids))?;
    let mut ended = 0;
    for line in text.lines().rev() {
        let Some((id, name)) = line.split_once(' ') else { continue };
        if let Some(id) = id.parse().ok().and_then(Pid::from_raw).filter(|id| is(*id, name)) {
            end(id, name).await;
            ended += 1;
        }
    }
    fs::remove_file(&pids).map_err(Error::file(&pids))?;
    Ok(ended)
}

/// Gently, and after ten seconds not.
async fn end(id: Pid, name: &str) {
    for round in 0..120 {
        if !is(id, name) {
            return;
        }
        if round % 100 == 0 {
            // Gone meanwhile is what is wanted.
            let _ = kill_process(id, if round == 0 { Signal::TERM } else { Signal::KILL });
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Whether the process of that id is still what was started: ids are used again.
fn is(id: Pid, name: &str) -> bool {
    let program = fs::read_link(format!("/proc/{}/exe", id.as_raw_nonzero()));
    program.is_ok_and(|program| program.file_name().is_some_and(|found| found == name))
}

pub(super) fn pids(dir: &Path) -> PathBuf {
    dir.join("pids")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> Component {
        Component { program: "/bin/sleep".into(), arguments: vec!["600".into()] }
    }

    #[test]
    fn dropping_ends_the_process_and_removes_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("state");
        fs::create_dir(&folder).unwrap();
        let mut held = sleeper().hold(dir.path(), Some(&folder)).unwrap();
        assert!(held.lives() && folder.is_dir());
        drop(held);
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn one_that_ends_by_itself_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let component = Component { program: "/bin/false".into(), arguments: Vec::new() };
        let mut held = component.hold(dir.path(), None).unwrap();
        while held.lives() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_detached_one_is_stopped_by_its_folder_once() {
        let dir = tempfile::tempdir().unwrap();
        sleeper().detach(dir.path(), dir.path()).unwrap();
        assert_eq!(stop(dir.path()).await.unwrap(), 1);
        assert!(matches!(stop(dir.path()).await, Err(Error::File { .. })));
    }
}
