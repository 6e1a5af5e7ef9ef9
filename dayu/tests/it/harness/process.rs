//! The binary as a child process.
use std::{os::unix::process::ExitStatusExt, path::Path, process::Stdio, time::Duration};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::watch,
    task::AbortHandle,
    time::timeout,
};

use super::LIMIT;

/// A running `dayu`, killed when dropped.
pub(crate) struct Dayu {
    child: Child,
    said: watch::Receiver<String>,
    printed: watch::Receiver<String>,
    readers: [AbortHandle; 2],
}

/// How a run ended, and all it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Dayu {
    /// Starts `dayu` with `arguments`; what it says on standard error and prints on standard output can be waited for.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_command(command(arguments))
    }

    /// The same as another user, with a `binary` that he may run.
    pub(crate) fn start_as(user: u32, binary: &Path, arguments: &[&str]) -> Self {
        let mut command = command_of(binary, arguments);
        command.uid(user).gid(user);
        Self::start_command(command)
    }

    fn start_command(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let (said, of_said) = follow(child.stderr.take().unwrap());
        let (printed, of_printed) = follow(child.stdout.take().unwrap());
        Self { child, said, printed, readers: [of_said, of_printed] }
    }

    /// Waits until standard error has `text`, and gives everything it has then.
    pub(crate) async fn says(&mut self, text: &str) -> String {
        has(&mut self.said, text).await
    }

    /// Waits until standard output has `text`.
    pub(crate) async fn prints(&mut self, text: &str) -> String {
        has(&mut self.printed, text).await
    }

    /// Waits until a line of standard output has these words, one after another, and perhaps more.
    pub(crate) async fn prints_row(&mut self, words: &[&str]) {
        let is_row = |line: &str| line.split_whitespace().take(words.len()).eq(words.iter().copied());
        let printed =
            timeout(LIMIT, self.printed.wait_for(|all| all.lines().any(is_row))).await.is_ok_and(|p| p.is_ok());
        assert!(printed, "never printed a row {words:?}; printed:\n{}", *self.printed.borrow());
    }

    /// What stands behind `label` on a line of its own, once it is said.
    pub(crate) async fn told(&mut self, label: &str) -> String {
        let all = self.says(label).await;
        all.lines().find_map(|line| line.strip_prefix(label)).unwrap().trim().to_owned()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap(), signal).unwrap();
    }

    /// From now on it may open so many files beside those that it has.
    pub(crate) fn may_open_no_more_than(&self, more: u64) {
        let pid = self.child.id().unwrap();
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count() as u64;
        let limit = Rlimit { current: Some(open + more), maximum: Some(open + more) };
        prlimit(Pid::from_raw(i32::try_from(pid).unwrap()), Resource::Nofile, limit).unwrap();
    }

    /// The most memory that it ever had resident, in KiB.
    pub(crate) fn most_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")).unwrap();
        most.parse().unwrap()
    }

    /// Closes its standard output and error.
    pub(crate) fn is_read_no_longer(&self) {
        self.readers.iter().for_each(AbortHandle::abort);
    }

    /// Ends it as a crash would.
    pub(crate) async fn dies(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// What it was killed by, if it is dead.
    pub(crate) fn killed_by(&mut self) -> Option<Signal> {
        let status = self.child.try_wait().unwrap()?;
        status.signal().and_then(Signal::from_named_raw)
    }

    /// Waits for the end, at most `limit`.
    pub(crate) async fn ends(mut self, limit: Duration) -> Ended {
        let status = timeout(limit, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("still runs after {limit:?}; said:\n{}", *self.said.borrow()));
        // The reader ends with the pipe; then everything is there.
        while self.said.changed().await.is_ok() {}
        let err = self.said.borrow().clone();
        Ended { code: status.unwrap().code(), out: String::new(), err }
    }
}

/// Everything that comes, as it comes.
fn follow(stream: impl AsyncRead + Unpin + Send + 'static) -> (watch::Receiver<String>, AbortHandle) {
    let mut lines = BufReader::new(stream).lines();
    let (all, said) = watch::channel(String::new());
    let reader = tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            all.send_modify(|all| *all = format!("{all}{line}\n"));
        }
    });
    (said, reader.abort_handle())
}

async fn has(stream: &mut watch::Receiver<String>, text: &str) -> String {
    let heard = timeout(LIMIT, stream.wait_for(|all| all.contains(text))).await;
    let heard = heard.ok().and_then(|said| Some(said.ok()?.clone()));
    heard.unwrap_or_else(|| panic!("never said {text:?}; said:\n{}", *stream.borrow()))
}

impl Drop for Dayu {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{:?} said:\n{}", self.child.id(), *self.said.borrow());
        }
    }
}

/// Runs `dayu` to its end.
pub(crate) async fn run(arguments: &[&str]) -> Ended {
    let mut command = command(arguments);
    let output = timeout(LIMIT, command.stdin(Stdio::null()).kill_on_drop(true).output()).await;
    let output = output.unwrap_or_else(|_| panic!("{arguments:?} has not ended within {LIMIT:?}")).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The binary that is tested.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_dayu"))
}

fn command(arguments: &[&str]) -> Command {
    command_of(binary(), arguments)
}

fn command_of(binary: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary);
    command.args(arguments).env_remove("KUBECONFIG").env_remove("NODE_NAME").env_remove("POD_NAME");
    command
}
