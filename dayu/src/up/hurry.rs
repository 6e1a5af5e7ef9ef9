//! A second Ctrl-C: who will not wait for the workers to come to their end sees them killed, and all else end at once.
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use tokio_util::sync::CancellationToken;

use super::{guard::end_workers, orphans::Orphans};
use crate::{output, run::next_signal};

/// What a shell says of a program that was interrupted.
const INTERRUPTED: u8 = 130;

/// Whether somebody is in a hurry.
#[derive(Default)]
pub(super) struct Hurry(CancellationToken);

impl Hurry {
    /// Once `stop` has come, the next signal kills the workers whose state lies in `folder`, which must be this run's alone, and
    /// what they left behind, and ends this process; a folder that goes with the run is cleared away by its guard then.
    pub(super) fn heed(&self, stop: CancellationToken, folder: &Path, orphans: &Orphans) {
        tokio::spawn(end_at_second(stop, self.0.clone(), folder.to_owned(), orphans.clone()));
    }

    /// How a run has ended that was told to.
    pub(super) fn exit_code(&self) -> ExitCode {
        if self.0.is_cancelled() { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS }
    }
}

async fn end_at_second(stop: CancellationToken, hurry: CancellationToken, folder: PathBuf, orphans: Orphans) {
    stop.cancelled().await;
    next_signal().await;
    hurry.cancel();
    output::progress("ending at once");
    let _ = tokio::task::spawn_blocking(move || end_workers(&folder)).await;
    orphans.end().await;
    std::process::exit(INTERRUPTED.into());
}
