//! The durable log of changes.
//!
//! One file holds everything: a record for each change, appended before the change is visible or acknowledged. Once the
//! file is much larger than what is alive, it is written anew beside the old one and takes its place.
//!
//! What is promised: an acknowledged write is in the hands of the operating system, so it survives the end of this
//! process at any instant (kill -9). The disk is told to keep it within some hundred milliseconds; a power cut may cost
//! those, and never leaves a state in between.

mod compact;
mod record;
mod recover;
mod sync;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

use super::{Change, Object, ResourceRef};
use crate::files::beside;
use record::{Names, Record, encode};
use sync::Syncer;

pub(super) use recover::Change as Recovered;

const MAGIC: &[u8; 8] = b"kobject1";
const FILE: &str = "objects.log";
const LOCK: &str = "lock";
/// Below this it is not worth writing anew.
const SMALL: u64 = 16 * 1024 * 1024;

/// What is wrong with the file, or the disk under it.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("cannot write {path}: {source}; free space or mend the disk, then try again")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is in use by another process: stop that one, or use another data directory")]
    InUse { path: PathBuf },
    #[error("{path} is no object log of this program: move it away, or use another data directory")]
    Foreign { path: PathBuf },
    #[error(
        "{path} is damaged at byte {offset}, and whole records follow at byte {next}: nothing was changed; restore the \
         file from a backup, or give up what follows with `truncate --size={offset} {path}` on a copy"
    )]
    Corrupt { path: PathBuf, offset: u64, next: u64 },
}

/// What the journal needs of a file; tests bring disks that are full.
pub(super) trait Disk: Send + Sync + 'static {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn set_len(&self, length: u64) -> io::Result<()>;
    fn sync_data(&self) -> io::Result<()>;
}

impl Disk for File {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        Self::set_len(self, length)
    }

    fn sync_data(&self) -> io::Result<()> {
        Self::sync_data(self)
    }
}

/// The open file. Its one user holds the store's write lock.
pub(super) struct Journal {
    path: PathBuf,
    disk: Arc<dyn Disk>,
    end: u64,
    /// The size after the file was last written anew.
    compacted: u64,
    buffer: Vec<u8>,
    syncer: Syncer,
    /// The last write failed.
    trouble: watch::Sender<bool>,
    /// Held as long as the file is in use.
    _lock: Option<File>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("path", &self.path).field("end", &self.end).finish_non_exhaustive()
    }
}

/// A journal and what was in it.
pub(super) struct Opened {
    pub(super) journal: Journal,
    pub(super) changes: Vec<Recovered>,
    pub(super) version: u64,
}

impl Journal {
    /// Opens the journal of a directory, or begins one.
    pub(super) fn open(dir: &Path) -> Result<Opened, JournalError> {
        let lock = lock(&dir.join(LOCK))?;
        let path = dir.join(FILE);
        let failed = |source| JournalError::Write { path: path.clone(), source };
        let file = open_private(&path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        // Shorter than its first bytes: the process ended while it was made, nothing was acknowledged yet.
        if length < MAGIC.len() as u64 {
            file.set_len(0).and_then(|()| FileExt::write_all_at(&file, MAGIC, 0)).map_err(failed)?;
        }
        let recovered = recover::recover(&path, &file)?;
        let journal = Self::over(path, Arc::new(file), recovered.end, Some(lock));
        Ok(Opened { journal, changes: recovered.changes, version: recovered.version })
    }

    fn over(path: PathBuf, disk: Arc<dyn Disk>, end: u64, lock: Option<File>) -> Self {
        let syncer = Syncer::start(disk.clone());
        let trouble = watch::Sender::new(false);
        Self { path, disk, end, compacted: end, buffer: Vec::new(), syncer, trouble, _lock: lock }
    }

    /// Writes one change. When this fails, the file is as before.
    pub(super) fn append(
        &mut self,
        resource: &ResourceRef,
        change: Change,
        object: &Object,
    ) -> Result<(), JournalError> {
        let meta = &object.meta;
        let record = match change {
            Change::Added | Change::Modified => Record::Put { resource: resource.into(), json: &object.json },
            Change::Deleted => Record::Delete {
                version: meta.resource_version,
                resource: Names::from(resource),
                namespace: &meta.namespace,
                name: &meta.name,
            },
        };
        self.buffer.clear();
        encode(record, &mut self.buffer);
        if let Err(source) = self.disk.write_all_at(&self.buffer, self.end) {
            // Part of it may be there. If it cannot be cut off now, the next record overwrites it.
            let _ = self.disk.set_len(self.end);
            self.trouble.send_replace(true);
            return Err(JournalError::Write { path: self.path.clone(), source });
        }
        self.end += self.buffer.len() as u64;
        self.syncer.wake();
        self.recover();
        Ok(())
    }

    /// Whether the last write failed, now and from now on.
    pub(super) fn trouble(&self) -> watch::Receiver<bool> {
        self.trouble.subscribe()
    }

    /// The disk takes writes.
    pub(super) fn recover(&self) {
        self.trouble.send_if_modified(std::mem::take);
    }

    /// What finds out whether the disk takes writes, without the journal.
    pub(super) fn probe(&self) -> Probe {
        Probe(beside(&self.path, ".probe"))
    }

    /// Most of the file is about objects that are gone or changed since.
    pub(super) fn is_wasteful(&self) -> bool {
        self.end > SMALL && self.end > self.compacted * 2
    }
}

/// A file as large as a few objects, written and removed.
pub(super) struct Probe(PathBuf);

impl Probe {
    pub(super) fn run(&self) -> Result<(), JournalError> {
        const ROOM: usize = 64 * 1024;
        let written = fs::write(&self.0, vec![0; ROOM]);
        let removed = fs::remove_file(&self.0);
        written.and(removed).map_err(|source| JournalError::Write { path: self.0.clone(), source })
    }
}

fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Two processes on one file would destroy it.
fn lock(path: &Path) -> Result<File, JournalError> {
    let failed = |source| JournalError::Write { path: path.into(), source };
    let file = open_private(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(JournalError::InUse { path: path.into() }),
        Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

#[cfg(test)]
mod tests;
