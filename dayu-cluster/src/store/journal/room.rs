//! Room that the disk has given before it is needed, so that a full disk takes deletions, which are what makes room.
//!
//! Behind the last record lie blocks that are the file's already. Other writes are refused once the disk has no more to give
//! than these; deletions use them. The file that the journal is written anew into has blocks of its own, so that what was
//! deleted gives its room back; then the two change places. On a full disk no block is given back even for a moment, for
//! somebody else may be waiting for it. Blocks behind a file's end, and zeros before it, are no part of what is read back.

use std::fs::File;
use std::io;
use std::path::Path;

use super::{Disk, open_private};

/// For deletions between two times that the file is written anew: two thousand objects that go at once, or twenty workers
/// that say how they end.
const TAIL: u64 = 256 * 1024;
/// More than is needed at the moment, so that the disk is asked once for many writes.
const STRIDE: u64 = 256 * 1024;
/// For the file written anew. What is alive of a small installation is less; of a larger one, it needs room on the disk.
const SPARE: u64 = 1024 * 1024;

/// Which blocks are the journal's.
#[derive(Debug)]
pub(super) struct Room {
    /// Those up to here; nothing where the file system gives none in advance.
    until: Option<u64>,
}

impl Room {
    /// None yet behind `end`.
    pub(super) fn none(end: u64) -> Self {
        Self { until: Some(end) }
    }

    /// Takes the tail, if it can be had. Nothing more: a file system may answer that with taking it away.
    pub(super) fn hold_tail(&mut self, disk: &dyn Disk, end: u64) {
        if self.until.is_some_and(|until| until < end + TAIL) {
            let _ = self.extend(disk, end, end + TAIL);
        }
    }

    /// Makes sure that so many bytes more leave the tail as it is.
    pub(super) fn ensure(&mut self, disk: &dyn Disk, end: u64, length: u64) -> io::Result<()> {
        let needed = end + length + TAIL;
        if self.until.is_none_or(|until| until >= needed) { Ok(()) } else { self.extend(disk, end, needed + STRIDE) }
    }

    fn extend(&mut self, disk: &dyn Disk, end: u64, to: u64) -> io::Result<()> {
        // Deletions may have used all there were, and more.
        let from = self.until.unwrap_or(end).max(end);
        match disk.allocate(from, to - from) {
            Ok(()) => self.until = Some(to),
            Err(error) if is_full(&error) => return Err(error),
            Err(error) => {
                tracing::debug!(%error, "no blocks in advance here: on a full disk, deletions are refused as well");
                self.until = None;
            }
        }
        Ok(())
    }

    /// Whether writes up to here cannot fail for want of room.
    pub(super) fn is_certain(&self) -> bool {
        self.until.is_some()
    }

    /// Finds out whether there is room for a few objects more.
    pub(super) fn probe(&mut self, disk: &dyn Disk, end: u64) -> io::Result<()> {
        const OBJECTS: [u8; 16 * 1024] = [0; 16 * 1024];
        self.ensure(disk, end, OBJECTS.len() as u64)?;
        if self.is_certain() {
            return Ok(());
        }
        let written = disk.write_all_at(&OBJECTS, end);
        let cut = disk.set_len(end);
        written.and(cut)
    }

    /// The file was cut off at `end`.
    pub(super) fn is_cut(&mut self, end: u64) {
        self.until = self.until.map(|_| end);
    }
}

/// Gives the file that is to be written anew its blocks, and takes those that are too many. If there are none, it asks for
/// them as it grows.
pub(super) fn hold_spare(path: &Path) {
    let held = open_private(path).and_then(|file| {
        if file.metadata()?.len() > SPARE {
            file.set_len(SPARE)?;
        }
        file.allocate(0, SPARE)
    });
    if let Err(error) = held {
        tracing::debug!(%error, file = %path.display(), "no room in reserve for writing the journal anew");
    }
}

pub(super) fn allocate(file: &File, from: u64, length: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    Ok(rustix::io::retry_on_intr(|| fallocate(file, FallocateFlags::KEEP_SIZE, from, length))?)
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}
