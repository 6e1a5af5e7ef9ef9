//! Room that the disk has given before it is needed, so that a full disk takes deletions, which are what makes room.
//!
//! Behind the last record lie blocks that are the file's already. Other writes are refused once the disk has no more to give
//! than these; deletions use them. The file that the journal is written anew into has blocks of its own, so that what was
//! deleted gives its room back; then the two change places. On a full disk no block is given back even for a moment, for
//! somebody else may be waiting for it. Blocks behind a file's end, and zeros before it, are no part of what is read back:
//! where a file system gives none in advance, zeros are written.

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

/// What is asked for at once: a file system may answer what it cannot give in full by taking from the same stretch.
const PIECE: u64 = 32 * 1024;

/// Which blocks are the file's: those up to here.
#[derive(Debug)]
pub(super) struct Room {
    until: u64,
}

impl Room {
    /// None yet behind `end`.
    pub(super) fn none(end: u64) -> Self {
        Self { until: end }
    }

    /// Makes sure that so many bytes more leave the tail as it is, which comes first if there is less.
    pub(super) fn ensure(&mut self, disk: &dyn Disk, end: u64, length: u64) -> io::Result<()> {
        let needed = end + length + TAIL;
        if self.until >= needed {
            return Ok(());
        }
        let extended = self.extend(disk, end, needed + STRIDE);
        if self.until >= needed { Ok(()) } else { extended }
    }

    /// Takes blocks up to there, or as many as there are.
    fn extend(&mut self, disk: &dyn Disk, end: u64, to: u64) -> io::Result<()> {
        // Deletions may have used all there were, and more.
        self.until = self.until.max(end);
        while self.until < to {
            let next = (self.until / PIECE + 1) * PIECE;
            disk.allocate(self.until, next - self.until)?;
            self.until = next;
        }
        Ok(())
    }

    /// The file was cut off at `end`.
    pub(super) fn is_cut(&mut self, end: u64) {
        self.until = end;
    }
}

/// Gives the file that is to be written anew its blocks, and takes those that are too many. If there are none, it asks for
/// them as it grows.
pub(super) fn hold_spare(path: &Path) {
    let held = open_private(path).and_then(|file| {
        if file.metadata()?.len() > SPARE {
            file.set_len(SPARE)?;
        }
        Room::none(0).extend(&file, 0, SPARE)
    });
    if let Err(error) = held {
        tracing::debug!(%error, file = %path.display(), "no room in reserve for writing the journal anew");
    }
}

/// Makes blocks the file's that hold nothing of it yet.
pub(super) fn allocate(file: &File, from: u64, length: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    match rustix::io::retry_on_intr(|| fallocate(file, FallocateFlags::KEEP_SIZE, from, length)) {
        Err(error) if !is_full(&error.into()) => {
            let zeros = vec![0; usize::try_from(length).unwrap_or_default()];
            Disk::write_all_at(file, &zeros, from)
        }
        given => Ok(given?),
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}
