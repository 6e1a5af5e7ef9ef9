//! Attending to a log that grows: when it grew is noted, and it is kept within bounds.
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;

use super::{times, wake::Wake};

/// A log beyond this is cut; as much again of what was before is kept.
const LONGEST: u64 = 10 * 1024 * 1024;
/// A log that grows all the time is looked at so often.
const PACE: Duration = Duration::from_secs(1);

/// Attends to `log` until dropped. A log that does not grow costs nothing.
pub(crate) async fn attend(log: PathBuf) {
    if let Err(error) = attend_within(LONGEST, &log).await {
        tracing::warn!(log = %log.display(), %error, "nobody attends to this log: it may grow beyond its bounds");
    }
}

async fn attend_within(longest: u64, log: &Path) -> io::Result<()> {
    let wake = Wake::on(log)?;
    let mut seen = 0;
    loop {
        let size = fs::metadata(log)?.len();
        if size != seen {
            times::note(log, size, Timestamp::now())?;
            seen = size;
        }
        if size > longest {
            rotate(log)?;
            seen = 0;
        }
        wake.changed().await?;
        // What is written meanwhile is seen together.
        tokio::time::sleep(PACE).await;
    }
}

/// The run is over: whoever follows its log may stop.
pub(crate) fn end(log: &Path) {
    let size = fs::metadata(log).map(|data| data.len());
    let noted = size.and_then(|size| times::note(log, size, Timestamp::now())).and_then(|()| times::note_end(log));
    if let Err(error) = noted {
        tracing::debug!(log = %log.display(), %error, "the end of this log is not noted");
    }
}

/// Copies the log aside and begins it anew. The run keeps writing to the same file, at its end: what it writes between the
/// two is lost, a moment's worth.
fn rotate(log: &Path) -> io::Result<()> {
    let older = log.with_extension("log.1");
    fs::copy(log, &older)?;
    File::options().write(true).open(log)?.set_len(0)?;
    fs::rename(times::path(log), times::path(&older))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tokio_util::task::AbortOnDropHandle;

    use super::*;

    /// Looks that a busy machine may need until one sees what was written.
    const LOOKS: u32 = 100_000;

    #[tokio::test(start_paused = true)]
    async fn a_run_that_writes_without_end_has_twice_the_bound_at_most() {
        const BOUND: u64 = 64;
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("0.log");
        let mut writer = File::options().create(true).append(true).open(&log).unwrap();
        let attended = log.clone();
        let _attending = AbortOnDropHandle::new(tokio::spawn(async move { attend_within(BOUND, &attended).await }));
        for turn in 0..50 {
            let line = format!("{turn:0width$}\n", width = BOUND as usize);
            writer.write_all(line.as_bytes()).unwrap();
            let mut looks = 0;
            while fs::metadata(&log).unwrap().len() > 0 {
                assert!(looks < LOOKS, "what is beyond the bound stays");
                looks += 1;
                tokio::time::advance(PACE).await;
            }
            let files = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap());
            let (logs, times): (Vec<_>, Vec<_>) =
                files.partition(|file| file.file_name().to_str().unwrap().contains("log"));
            let size: u64 = logs.iter().map(|file| file.metadata().unwrap().len()).sum();
            assert!(size <= 2 * BOUND && times.len() <= 2, "{size} bytes in {logs:?}, beside {times:?}");
            assert_eq!(fs::read_to_string(folder.path().join("0.log.1")).unwrap(), line, "the latest is kept");
        }
    }

    #[test]
    fn a_rotated_log_goes_on_at_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("0.log");
        let mut writer = File::options().create(true).append(true).open(&log).unwrap();
        writer.write_all(b"old\n").unwrap();
        times::note(&log, 4, Timestamp::UNIX_EPOCH).unwrap();
        rotate(&log).unwrap();
        writer.write_all(b"new\n").unwrap();
        assert_eq!(fs::read(&log).unwrap(), b"new\n");
        assert_eq!(fs::read(folder.path().join("0.log.1")).unwrap(), b"old\n");
        assert!(folder.path().join("0.times.1").exists());
    }
}
