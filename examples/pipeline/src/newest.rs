//! The newest frame, in the folder that all workers of a device share, as Dayu's components pass clips that need not travel.
use std::{io, path::PathBuf, time::Duration};

use tokio::{fs, sync::Mutex, time::Instant};

/// Its name; there is one for all detectors of the device.
const NAME: &str = "newest.frame";
/// From one to the next at least: more is of no use to whoever looks, and a load for a disk.
const PACE: Duration = Duration::from_secs(1);

/// Where it is kept by one of them.
pub(crate) struct Newest {
    folder: PathBuf,
    replica: String,
    due: Mutex<Instant>,
}

impl Newest {
    pub(crate) fn new(folder: PathBuf, replica: String) -> Self {
        Self { folder, replica, due: Instant::now().into() }
    }

    /// Puts `pixels` in its place, unless that is done now or was just before.
    pub(crate) async fn keep(&self, pixels: &[u8]) -> io::Result<()> {
        let Ok(mut due) = self.due.try_lock() else { return Ok(()) };
        let now = Instant::now();
        if now < *due {
            return Ok(());
        }
        *due = now + PACE;
        // Whoever reads it finds a whole one, of whichever replica.
        let unfinished = self.folder.join(format!(".{}.frame", self.replica));
        fs::write(&unfinished, pixels).await?;
        fs::rename(unfinished, self.folder.join(NAME)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_whole_frame_of_all_is_kept_and_not_each() {
        let folder = tempfile::tempdir().unwrap();
        let of = |replica: &str| Newest::new(folder.path().to_owned(), replica.to_owned());
        let kept = || std::fs::read(folder.path().join(NAME)).unwrap();
        let (one, two) = (of("one"), of("two"));
        one.keep(b"first").await.unwrap();
        one.keep(b"at once").await.unwrap();
        assert_eq!(kept(), b"first");
        two.keep(b"other").await.unwrap();
        assert_eq!(kept(), b"other");
        tokio::time::advance(PACE).await;
        one.keep(b"later").await.unwrap();
        assert_eq!(kept(), b"later");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_told() {
        let gone = Newest::new("/nowhere/at/all".into(), "one".to_owned());
        assert_eq!(gone.keep(b"pixels").await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
