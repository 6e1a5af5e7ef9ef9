//! One program of a control plane, as a process that somebody will end.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::Error;

/// Ends its child when its own input ends, which is when whoever holds the other side ends, in whatever way. What is to
/// be done after that is its first argument.
const KEEPER: &str = r#"
after=$1; shift
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
{ read -r _ <&3; kill -9 "$child" 2>/dev/null; } &
wait "$child" 2>/dev/null
status=$?
eval "$after"
kill $! 2>/dev/null
exit "$status"
"#;

/// What is left of a process that has ended, to be removed: a shell command, and what it finds in `$OF`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remains<'a> {
    pub(super) removal: &'static str,
    pub(super) of: &'a OsStr,
}

/// A folder that goes with the process.
pub(super) fn folder(path: &Path) -> Remains<'_> {
    Remains { removal: r#"rm -rf "$OF""#, of: path.as_os_str() }
}

/// A program with its arguments, and the name that its log has.
#[derive(Debug, Clone)]
pub(super) struct Component {
    pub(super) name: String,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
}

/// A process that ends when this is dropped, or when this process ends.
#[derive(Debug)]
pub(super) struct Held(Child);

impl Component {
    /// Runs it as long as the result is held. What remains of it is removed when it ends.
    pub(super) fn hold(&self, logs: &Path, remains: Option<Remains<'_>>) -> Result<Held, Error> {
        let mut keeper = Command::new("sh");
        let Remains { removal, of } = remains.unwrap_or(Remains { removal: "", of: "".as_ref() });
        keeper.args(["-c", KEEPER, "keeper", removal]).env("OF", of);
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
            .and_then(|mut file| writeln!(file, "{} {}", child.id(), started(child.id()).unwrap_or_default()))
            .map_err(Error::file(&pids))
    }

    /// In a group of its own: what a terminal sends to ours is not for it.
    fn spawn(&self, mut command: Command, logs: &Path) -> Result<Child, Error> {
        let path = log(logs, &self.name);
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

    /// The program's process, which is the first child of its keeper.
    pub(super) fn process(&self) -> Option<u32> {
        let keeper = self.0.id();
        let children = fs::read_to_string(format!("/proc/{keeper}/task/{keeper}/children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
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
        let Some((Ok(id), Ok(since))) = line.split_once(' ').map(|(id, since)| (id.parse(), since.parse())) else {
            continue;
        };
        if end(id, since).await {
            ended += 1;
        }
    }
    super::node::remove_groups(dir);
    fs::remove_file(&pids).map_err(Error::file(&pids))?;
    Ok(ended)
}

/// Kills it, as whoever holds one does, and waits until it is gone. Whether it was there.
async fn end(id: u32, since: u64) -> bool {
    let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw).filter(|_| started(id) == Some(since)) else {
        return false;
    };
    // Gone meanwhile is what is wanted.
    let _ = kill_process(pid, Signal::KILL);
    while started(id) == Some(since) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}

/// When the process of that id began, in the kernel's ticks: ids are used again. None for one that only waits to be
/// forgotten.
fn started(id: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // Behind the name, which may hold anything: first the state, and the beginning as the twentieth.
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if fields.first() == Some(&"Z") { None } else { fields.get(19)?.parse().ok() }
}

/// Where what a component of that name says is written.
pub(super) fn log(logs: &Path, name: &str) -> PathBuf {
    logs.join(format!("{name}.log"))
}

/// The end of a log, for an error: programs say last why they end.
pub(super) fn last_lines(log: &Path) -> String {
    const LINES: usize = 10;
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

pub(super) fn pids(dir: &Path) -> PathBuf {
    dir.join("pids")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> Component {
        Component { name: "sleeper".into(), program: "/bin/sleep".into(), arguments: vec!["600".into()] }
    }

    #[test]
    fn dropping_ends_the_process_and_removes_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("state");
        fs::create_dir(&folder).unwrap();
        let mut held = sleeper().hold(dir.path(), Some(super::folder(&folder))).unwrap();
        assert!(held.lives() && folder.is_dir());
        while held.process().and_then(|id| fs::read_to_string(format!("/proc/{id}/comm")).ok()).as_deref()
            != Some("sleep\n")
        {
            std::thread::yield_now();
        }
        drop(held);
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn one_that_ends_by_itself_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let component = Component { program: "/bin/false".into(), ..sleeper() };
        let mut held = component.hold(dir.path(), None).unwrap();
        while held.lives() {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn of_a_log_the_end_is_told() {
        let log = tempfile::NamedTempFile::new().unwrap();
        fs::write(log.path(), (1..=12).map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        assert_eq!(last_lines(log.path()), "3\n4\n5\n6\n7\n8\n9\n10\n11\n12");
        assert_eq!(last_lines(Path::new("no/such.log")), "");
    }

    #[tokio::test]
    async fn a_detached_one_is_stopped_by_its_folder_once() {
        let dir = tempfile::tempdir().unwrap();
        sleeper().detach(dir.path(), dir.path()).unwrap();
        assert_eq!(stop(dir.path()).await.unwrap(), 1);
        assert!(matches!(stop(dir.path()).await, Err(Error::File { .. })));
    }
}
