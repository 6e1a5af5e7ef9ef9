//! The durable log of changes.
//!
//! One file holds everything: a record for each change, appended before the change is visible or acknowledged. Once the
//! file is much larger than what is alive, or the disk is full, it is written anew beside the old one and takes its place.
//!
//! What is promised: an acknowledged write is in the hands of the operating system, so it survives the end of this
//! process at any instant (kill -9). The disk is told to keep it within some hundred milliseconds; a power cut may cost
//! those, and never leaves a state in between.

mod compact;
mod record;
mod recover;
mod room;
mod sync;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

use super::{Change, Object, ResourceRef};
use record::{Names, Record, encode};
use room::{Room, hold_spare};
use sync::Syncer;

pub(super) use recover::Change as Recovered;

const MAGIC: &[u8; 8] = b"kobject1";
const FILE: &str = "objects.log";
const LOCK: &str = "lock";
/// Below this it is not worth writing anew.
const SMALL: u64 = 16 * 1024 * 1024;
/// With room for so much more, a disk is no longer full.
const FEW_OBJECTS: u64 = 16 * 1024;

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
    /// Makes blocks the file's that hold nothing of it yet, for what is written there later.
    fn allocate(&self, from: u64, length: u64) -> io::Result<()>;
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

    fn allocate(&self, from: u64, length: u64) -> io::Result<()> {
        room::allocate(self, from, length)
    }
}

/// The open file. Its one user holds the store's write lock.
pub(super) struct Journal {
    path: PathBuf,
    disk: Arc<dyn Disk>,
    end: u64,
    room: Room,
    /// The size after the file was last written anew.
    compacted: u64,
    buffer: Vec<u8>,
    syncer: Syncer,
    /// The last write failed, but for deletions.
    trouble: watch::Sender<bool>,
    /// It is to be written anew for want of room.
    cramped: bool,
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
        let (room, trouble) = (Room::none(end), watch::Sender::new(false));
        let buffer = Vec::new();
        let mut journal =
            Self { path, disk, end, room, compacted: end, buffer, syncer, trouble, cramped: false, _lock: lock };
        journal.hold_reserves();
        journal
    }

    /// Takes room as long as there is some; the spare first, since without it none comes back. Whether there is enough to go
    /// on with; if not, it goes on as far as it can.
    fn hold_reserves(&mut self) -> bool {
        hold_spare(&compact::fresh(&self.path));
        self.room.ensure(&*self.disk, self.end, 1).is_ok()
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
        let leaves = change == Change::Deleted || meta.is_terminating();
        self.write(leaves).map_err(|source| {
            // The first time: what is of no use in the file may be all that is needed.
            self.cramped |= !self.trouble.send_replace(true);
            JournalError::Write { path: self.path.clone(), source }
        })?;
        self.syncer.wake();
        if leaves {
            self.cramped |= *self.trouble.borrow();
        } else {
            self.recover();
        }
        Ok(())
    }

    /// Appends what is in the buffer; what leaves may use the room that is kept for it.
    fn write(&mut self, leaves: bool) -> io::Result<()> {
        let length = self.buffer.len() as u64;
        if !leaves {
            self.room.ensure(&*self.disk, self.end, length)?;
        }
        self.disk.write_all_at(&self.buffer, self.end).inspect_err(|_| self.cut())?;
        self.end += length;
        Ok(())
    }

    /// Takes away what a failed write has left. If it cannot be cut off now, the next record overwrites it.
    fn cut(&mut self) {
        let _ = self.disk.set_len(self.end);
        self.room.is_cut(self.end);
    }

    /// Whether the last write failed, now and from now on.
    pub(super) fn trouble(&self) -> watch::Receiver<bool> {
        self.trouble.subscribe()
    }

    /// The disk takes writes.
    fn recover(&mut self) {
        if self.trouble.send_if_modified(std::mem::take) {
            self.cramped = false;
            self.hold_reserves();
        }
    }

    /// Finds out whether the disk takes writes again.
    pub(super) fn probe(&mut self) -> Result<(), JournalError> {
        let probed = self.room.ensure(&*self.disk, self.end, FEW_OBJECTS);
        probed.map_err(|source| JournalError::Write { path: self.path.clone(), source })?;
        self.recover();
        Ok(())
    }

    /// Whether it is time to write the file anew: most of it is about objects that are gone or changed since, or the disk is
    /// full. Asked once, for whoever does it.
    pub(super) fn take_due(&mut self) -> bool {
        let wasteful = self.end > SMALL && self.end > self.compacted * 2;
        std::mem::take(&mut self.cramped) || (wasteful && !*self.trouble.borrow())
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
