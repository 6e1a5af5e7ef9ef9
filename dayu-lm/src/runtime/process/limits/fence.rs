//! Entering control groups. A run does so itself, between its birth and its program: whatever it ever starts is within as well.
use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use rustix::io::Errno;
use tokio::process::Command;

/// The groups that one run is to be in, by their files that take in a process.
#[derive(Debug)]
pub(in crate::runtime::process) struct Fence(Vec<File>);

impl Fence {
    /// One around `groups`, which are there.
    pub(super) fn around<'a>(groups: impl IntoIterator<Item = &'a Path>) -> io::Result<Self> {
        let open = |group: &Path| {
            let file = group.join("cgroup.procs");
            File::options().write(true).open(&file).map_err(|error| super::at(&file, &error))
        };
        groups.into_iter().map(open).collect::<io::Result<_>>().map(Self)
    }

    /// Has what `command` starts enter before it becomes its program; where it cannot, it does not start.
    #[expect(unsafe_code, reason = "see SAFETY")]
    pub(in crate::runtime::process) fn hold(self, command: &mut Command) {
        let enter = move || self.0.iter().try_for_each(enter);
        // SAFETY: in the child of a process with many threads only what a signal handler may do is sound: this writes to files
        // that are open, and takes neither memory nor locks, also where it fails.
        unsafe { command.pre_exec(enter) };
    }

    /// Why a run could not enter, if it was for that that it did not start.
    pub(in crate::runtime::process) fn refusal(error: &io::Error) -> Option<io::Error> {
        error.raw_os_error().filter(|code| *code < 0).map(|code| io::Error::from_raw_os_error(-code))
    }
}

/// Moves the present process. All that a child can tell of its failure is a number; those of a program that does not start are
/// positive, so this one's is negative.
fn enter(mut group: &File) -> io::Result<()> {
    // Whoever writes it is process 0.
    group
        .write_all(b"0")
        .map_err(|error| io::Error::from_raw_os_error(-error.raw_os_error().unwrap_or(Errno::IO.raw_os_error())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_run_is_within_before_it_is_its_program() {
        let group = tempfile::tempdir().unwrap();
        let procs = group.path().join("cgroup.procs");
        File::create(&procs).unwrap();
        let mut command = Command::new("grep");
        command.args(["-qx", "0"]).arg(&procs);
        Fence::around([group.path()]).unwrap().hold(&mut command);
        assert!(command.status().await.unwrap().success());
    }

    #[tokio::test]
    async fn one_that_cannot_enter_does_not_start_and_says_so() {
        // Takes nothing, as a group that is of another kind.
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new("true");
        Fence(vec![full]).hold(&mut command);
        let why = Fence::refusal(&command.spawn().unwrap_err()).unwrap();
        assert_eq!(why.kind(), io::ErrorKind::StorageFull);
        let missing = Command::new("/no/such").spawn().unwrap_err();
        assert!(Fence::refusal(&missing).is_none(), "that is the program's");
    }

    #[test]
    fn a_group_that_takes_nobody_is_named() {
        let group = tempfile::tempdir().unwrap();
        let missing = Fence::around([group.path()]).unwrap_err();
        assert!(missing.to_string().contains(group.path().join("cgroup.procs").to_str().unwrap()), "{missing}");
    }
}
