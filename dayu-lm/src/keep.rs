//! Small files that are replaced often and found whole after a crash of this process: the old one or the new one.
//!
//! File systems write a file that takes the place of another to the disk at once, lest a power cut leave neither, and whoever
//! asked for it waits. What is kept here is of no use after a power cut, so the old file goes before the new one takes its name.
use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

/// What was kept cannot be read, and nothing new takes its place.
#[derive(Debug, thiserror::Error)]
#[error("{} is damaged ({why}); it is now {}, to be removed once nobody needs it; look at the disk", path.display(), aside(path).display())]
pub(crate) struct Damaged {
    path: PathBuf,
    why: String,
}

/// Keeps `text` as the content of `path`, for the owner only.
pub(crate) fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    // What a crash has left in the middle is the only copy.
    settle(path)?;
    let draft = write_draft(path, text)?.1;
    found(fs::remove_file(path))?;
    fs::rename(draft, path)
}

/// Writes what is to take the place of `path`, for the owner only. Where it cannot be whole, as on a full disk, nothing of it
/// stays: it would pass for whole if nothing was there before.
pub(crate) fn write_draft(path: &Path, text: &[u8]) -> io::Result<(File, PathBuf)> {
    let draft = draft(path);
    let mut file = File::options().create(true).write(true).truncate(true).mode(0o600).open(&draft)?;
    if let Err(error) = file.write_all(text) {
        let _ = fs::remove_file(&draft);
        return Err(error);
    }
    Ok((file, draft))
}

/// What was kept last, if anything was. What is damaged is put aside.
pub(crate) fn recall<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Damaged> {
    let why = match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => error.to_string(),
        // As a crash leaves the first one before a byte is written, and a power cut any.
        Ok(text) if text.is_empty() => return Ok(None),
        Ok(text) => match serde_json::from_slice(&text) {
            Ok(kept) => return Ok(Some(kept)),
            Err(error) => error.to_string(),
        },
    };
    // Where that cannot be, nothing can be written in its place either.
    let _ = fs::rename(path, aside(path));
    let damaged = Damaged { path: path.to_owned(), why };
    tracing::warn!("{damaged}");
    Err(damaged)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    settle(path)?;
    fs::read(path)
}

/// Ends what a crash interrupted: a draft without the file that it was to replace is whole.
fn settle(path: &Path) -> io::Result<()> {
    if path.exists() { Ok(()) } else { found(fs::rename(draft(path), path)) }
}

fn draft(path: &Path) -> PathBuf {
    path.with_extension("draft")
}

fn aside(path: &Path) -> PathBuf {
    path.with_extension("damaged")
}

fn found(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wherever_a_crash_interrupts_the_old_or_the_new_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        replace(&path, b"old").unwrap();
        replace(&path, b"older").unwrap();
        assert_eq!(read(&path).unwrap(), b"older");
        // While the draft was written.
        fs::write(draft(&path), b"ne").unwrap();
        assert_eq!(read(&path).unwrap(), b"older");
        // After the old one went.
        fs::write(draft(&path), b"new").unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(read(&path).unwrap(), b"new");
        replace(&path, b"newer").unwrap();
        assert_eq!(read(&path).unwrap(), b"newer");
    }

    #[test]
    fn what_a_crash_left_is_not_lost_when_the_next_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        fs::write(draft(&path), b"only").unwrap();
        replace(&path, b"next").unwrap();
        assert_eq!(read(&path).unwrap(), b"next");
    }

    #[test]
    fn what_is_damaged_is_put_aside_and_outlives_what_is_kept_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        fs::write(&path, "").unwrap();
        assert_eq!(recall::<u8>(&path).unwrap(), None, "nothing was ever written");
        fs::write(&path, "7!").unwrap();
        let told = recall::<u8>(&path).unwrap_err().to_string();
        assert!(told.contains("state.json is damaged (") && told.contains("state.damaged"), "{told}");
        assert_eq!(recall::<u8>(&path).unwrap(), None);
        replace(&path, b"8").unwrap();
        assert_eq!(recall::<u8>(&path).unwrap(), Some(8));
        assert_eq!(fs::read(dir.path().join("state.damaged")).unwrap(), b"7!");
    }
}
