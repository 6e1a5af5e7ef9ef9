//! Which process is meant: process IDs are used again, so each goes with its start time; and a mark in the environment says
//! whose it is, where a crash lost the ID.
use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use dayu_core::{
    name::Uid,
    worker::{ProcessId, Run},
};
use rustix::process::{Pid, Signal};

/// The environment variable that holds the mark.
pub(super) const MARK: &str = "DAYU_WORKER";

/// How often a process without an environment is asked for one.
const MOMENT: u32 = 100;
/// Room for most environments.
const USUAL: usize = 16 * 1024;

/// A process, now and for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) pid: u32,
    /// In the system's ticks since it was booted.
    pub(super) start: u64,
}

/// Whose process it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) pod: String,
    pub(super) container: String,
    pub(super) attempt: u32,
}

impl Identity {
    /// That of the process which has this ID now.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The command's name stands in parentheses and may hold anything; the state is the first field behind it.
        let mut fields = stat.get(stat.rfind(')')? + 2..)?.split(' ');
        if matches!(fields.next()?, "Z" | "X") {
            return None;
        }
        let start = fields.nth(18)?.parse().ok()?;
        Some(Self { pid, start })
    }

    pub(super) fn parse(id: &ProcessId) -> Option<Self> {
        let (pid, start) = id.as_str().split_once('-')?;
        Some(Self { pid: pid.parse().ok()?, start: start.parse().ok()? })
    }

    pub(super) fn id(&self) -> ProcessId {
        format!("{}-{}", self.pid, self.start).into()
    }

    pub(super) fn is_alive(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }

    pub(super) fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.pid).ok()?)
    }

    pub(super) fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            // One that has ended meanwhile is what was wanted.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Signals everything in its group, of which it is or was the leader.
    pub(super) fn signal_group(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            let _ = rustix::process::kill_process_group(pid, signal);
        }
    }
}

/// The mark of a run, for its environment.
pub(super) fn mark(root: &Path, pod: &Uid, run: &Run) -> String {
    format!("{pod}/{}/{}@{}", run.container, run.attempt, root.display())
}

/// The mark of what runs beside a run that is marked so: it belongs to the pod, but is not the run.
pub(super) fn mark_beside(mark: &str) -> String {
    match mark.split_once('@').and_then(|(whose, by)| Some((whose.rsplit_once('/')?.0, by))) {
        Some((whose, by)) => format!("{whose}/0@{by}"),
        None => mark.to_owned(),
    }
}

/// Every living process with a mark of `root`, whoever started it.
pub(super) fn marked(root: &Path) -> Vec<(Mark, Identity)> {
    let of_root = |pid| read_mark(pid).filter(|(_, by)| by == root);
    processes().filter_map(|pid| Some((of_root(pid)?.0, Identity::of(pid)?))).collect()
}

/// Every living process with the mark of a root that lies in `folder`.
pub(super) fn marked_below(folder: &Path) -> Vec<Identity> {
    let is_below = |pid: &u32| read_mark(*pid).is_some_and(|(_, root)| root.starts_with(folder));
    processes().filter(is_below).filter_map(Identity::of).collect()
}

/// The root of whose local manager a process is.
pub(super) fn root_of(pid: u32) -> Option<PathBuf> {
    read_mark(pid).map(|(_, root)| root)
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
}

/// Every living process that bears the mark of this run.
pub(super) fn of_run(root: &Path, pod: &Uid, run: &Run) -> Vec<Identity> {
    let is_of_run =
        |mark: &Mark| mark.pod == pod.as_str() && *mark.container == *run.container && mark.attempt == run.attempt;
    marked(root).into_iter().filter(|(mark, _)| is_of_run(mark)).map(|(_, identity)| identity).collect()
}

/// The process of this run: of all that bear its mark the one that came first, since the others descend from it.
pub(super) fn find(root: &Path, pod: &Uid, run: &Run) -> Option<Identity> {
    let leaders = of_run(root, pod, run).into_iter().filter(|identity| is_leader(identity.pid));
    leaders.min_by_key(|identity| (identity.start, identity.pid))
}

/// The environment of a process, its entries ended by zeros.
///
/// While a process becomes another program the system shows none for a moment; what is no kernel thread is asked again.
pub(super) fn environment(pid: u32) -> io::Result<Vec<u8>> {
    for _ in 0..MOMENT {
        let environment = shown(pid)?;
        if !environment.is_empty() || fs::read_link(format!("/proc/{pid}/exe")).is_err() {
            return Ok(environment);
        }
        std::thread::yield_now();
    }
    shown(pid)
}

/// Read at once: what is read in parts ends where the process becomes another program in between.
fn shown(pid: u32) -> io::Result<Vec<u8>> {
    let mut room = USUAL;
    loop {
        let mut environment = vec![0; room];
        let length = fs::File::open(format!("/proc/{pid}/environ"))?.read(&mut environment)?;
        if length < room {
            environment.truncate(length);
            return Ok(environment);
        }
        room *= 4;
    }
}

fn is_leader(pid: u32) -> bool {
    let own = i32::try_from(pid).ok().and_then(Pid::from_raw);
    own.is_some_and(|pid| rustix::process::getpgid(Some(pid)).is_ok_and(|group| group == pid))
}

/// The mark that a process bears, and the root that gave it.
fn read_mark(pid: u32) -> Option<(Mark, PathBuf)> {
    let environment = environment(pid).ok()?;
    let text = environment
        .split(|byte| *byte == 0)
        .find_map(|entry| std::str::from_utf8(entry).ok()?.strip_prefix(MARK)?.strip_prefix('='))?;
    let (whose, by) = text.split_once('@')?;
    let mut parts = whose.splitn(3, '/');
    let mark = Mark {
        pod: parts.next()?.to_owned(),
        container: parts.next()?.to_owned(),
        attempt: parts.next()?.parse().ok()?,
    };
    Some((mark, PathBuf::from(by)))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn an_environment_is_whole_or_not_there_while_the_process_becomes_another() {
        let again = r#"exec sh -c "$0" "$0""#;
        let large = "x".repeat(64 * 1024);
        let mut child = Command::new("sh")
            .args(["-c", again, again])
            .envs([("FIRST", "1"), ("LARGE", &large), ("ZLAST", "1")])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let is_part = |found: &Vec<u8>| {
            let has = |name: &str| found.split(|byte| *byte == 0).any(|entry| entry.starts_with(name.as_bytes()));
            !(has("FIRST=1") && has("ZLAST=1") && found.len() > large.len())
        };
        let shown = (0..1_000).map(|_| environment(child.id()).unwrap()).filter(|found| !found.is_empty());
        let parts: Vec<_> = shown.filter(is_part).map(|found| found.len()).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(parts, [0; 0]);
    }
}
