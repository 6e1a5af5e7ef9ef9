//! What outlives an `up` that is killed: nothing, where its state is in a temporary folder. A small process waits for the end of
//! the one that started it, however that comes, and then clears away.
use std::{
    io::{self, Read},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    time::Duration,
};

use dayu_lm::runtime::process::end_below;

/// Between two looks for workers that are left.
const PACE: Duration = Duration::from_millis(20);
/// So many looks at most: one that cannot be killed is not waited for.
const LOOKS: usize = 250;

/// A temporary folder, gone with whatever runs from it when this is dropped or its process ends.
pub(super) struct Guarded {
    folder: PathBuf,
    guard: Child,
}

impl Guarded {
    /// Makes the folder, and starts the process that clears it away.
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir(folder)?;
        let folder = folder.canonicalize()?;
        let mut command = Command::new(std::env::current_exe()?);
        // In a group of its own: a Ctrl-C is for the one that it waits for.
        command.arg("guard").arg(&folder).process_group(0);
        let guard = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Ok(Self { folder, guard })
    }

    pub(super) fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // What it waits for is the end of this pipe.
        drop(self.guard.stdin.take());
        if let Err(error) = self.guard.wait() {
            tracing::warn!(folder = %self.folder.display(), %error, "temporary state may be left behind");
        }
    }
}

/// `dayu guard FOLDER`: waits until its standard input ends; then ends all workers of `folder` and removes it.
pub(crate) fn run(folder: &Path) -> ExitCode {
    // Whatever ends the wait, nothing is left to wait for.
    let _ = io::stdin().read_to_end(&mut Vec::new());
    end_workers(folder);
    if std::fs::remove_dir_all(folder).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Kills all workers of `folder` with all that they started, and those that are just beginning. Blocks for a moment.
pub(super) fn end_workers(folder: &Path) {
    let mut quiet = 0;
    for _ in 0..LOOKS {
        quiet = if end_below(folder) == 0 { quiet + 1 } else { 0 };
        if quiet == 2 {
            break;
        }
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "the process does nothing else any more")]
fn pause() {
    std::thread::sleep(PACE);
}
