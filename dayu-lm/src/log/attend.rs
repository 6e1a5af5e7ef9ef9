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
    if let Err(error) = attend_to(&log).await {
        tracing::warn!(log = %log.display(), %error, "nobody attends to this log: it may grow beyond its bounds");
    }
}

async fn attend_to(log: &Path) -> io::Result<()> {
    let wake = Wake::on(log)?;
    let mut seen = 0;
    loop {
        let size = fs::metadata(log)?.len();
        if size != seen {
            times::note(log, size, Timestamp::now())?;
            seen = size;
        }
        if size > LONGEST {
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

    use super::*;

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
