//! Writing the file anew with what is alive.
//!
//! The bulk is written while the store goes on; only what was appended meanwhile is copied under the store's lock.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::record::{Record, encode};
use super::room::{Room, hold_spare};
use super::{Journal, JournalError, MAGIC, open_private};
use crate::files::beside;
use crate::store::{Object, ResourceRef};

/// A new file under way.
#[derive(Debug)]
pub(in crate::store) struct Compaction {
    path: PathBuf,
    /// Up to here the old file is in the new one.
    covered: u64,
}

/// A new file with everything up to a moment in it.
#[derive(Debug)]
pub(in crate::store) struct Rewritten {
    compaction: Compaction,
    file: File,
    end: u64,
}

impl Journal {
    /// Begins; the caller takes the objects of this very moment.
    pub(in crate::store) fn begin_compaction(&self) -> Compaction {
        Compaction { path: self.path.clone(), covered: self.end }
    }

    /// Puts the new file in the place of the old one, with what was appended meanwhile; unless it would be no shorter. A full
    /// disk would only have the two change places at each refusal, and what fits would depend on whose turn it is.
    pub(in crate::store) fn finish_compaction(&mut self, rewritten: Rewritten) -> Result<(), JournalError> {
        let Rewritten { compaction, file, end } = rewritten;
        let length = self.end - compaction.covered;
        if end + length >= self.end {
            self.compacted = self.end;
            hold_spare(&fresh(&self.path));
            return Ok(());
        }
        self.replace_by(&file, end, compaction.covered).map_err(|source| compaction.failed(source))?;
        // From here on the new file is the one, whatever the disk says of its name.
        if let Err(error) = sync_directory(&self.path) {
            tracing::warn!(%error, file = %self.path.display(), "a power cut may bring back the file before it was written anew");
        }
        self.end = end + length;
        self.compacted = self.end;
        self.disk = Arc::new(file);
        self.syncer.replace(self.disk.clone());
        self.room = Room::none(self.end);
        if self.hold_reserves() {
            self.trouble.send_if_modified(std::mem::take);
        }
        Ok(())
    }

    fn replace_by(&self, file: &File, end: u64, covered: u64) -> io::Result<()> {
        let mut meanwhile = vec![0; usize::try_from(self.end - covered).unwrap_or_default()];
        File::open(&self.path)?.read_exact_at(&mut meanwhile, covered)?;
        file.write_all_at(&meanwhile, end)?;
        file.sync_data()?;
        exchange(&fresh(&self.path), &self.path)
    }
}

impl Compaction {
    pub(in crate::store) fn write(
        self,
        version: u64,
        objects: &[(ResourceRef, Arc<Object>)],
    ) -> Result<Rewritten, JournalError> {
        let path = fresh(&self.path);
        let file = open_private(&path).map_err(|source| JournalError::Write { path, source })?;
        match write(&file, version, objects) {
            Ok(end) => Ok(Rewritten { compaction: self, file, end }),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// Half a new file is of no use, and the disk may be full of it: all goes but the blocks that it has in reserve.
    fn failed(&self, source: io::Error) -> JournalError {
        let path = fresh(&self.path);
        hold_spare(&path);
        JournalError::Write { path, source }
    }
}

/// Writes everything over whatever the file holds; gives where it ends.
fn write(file: &File, version: u64, objects: &[(ResourceRef, Arc<Object>)]) -> io::Result<u64> {
    let mut writer = BufWriter::with_capacity(256 * 1024, file);
    let mut buffer = MAGIC.to_vec();
    encode(Record::Base { version }, &mut buffer);
    let mut end = 0;
    for (resource, object) in objects {
        writer.write_all(&buffer)?;
        end += buffer.len() as u64;
        buffer.clear();
        encode(Record::Put { resource: resource.into(), json: &object.json }, &mut buffer);
    }
    writer.write_all(&buffer)?;
    end += buffer.len() as u64;
    blank(file, &mut writer, end)?;
    writer.flush()?;
    drop(writer);
    file.sync_data()?;
    Ok(end)
}

/// Overwrites what the file held before. Cutting it off would give blocks back that the next records need.
fn blank(file: &File, writer: &mut impl Write, from: u64) -> io::Result<()> {
    let left = file.metadata()?.len().saturating_sub(from);
    io::copy(&mut io::repeat(0).take(left), writer).map(|_| ())
}

/// The new file takes the place of the old one, whose blocks are the next one's. Where two names cannot be exchanged, the
/// blocks go back to the disk.
fn exchange(new: &Path, old: &Path) -> io::Result<()> {
    use rustix::io::Errno;
    match renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => fs::rename(new, old),
        exchanged => Ok(exchanged?),
    }
}

/// Where the file is written anew; between two times, blocks are kept there for it.
pub(super) fn fresh(path: &Path) -> PathBuf {
    beside(path, ".new")
}

fn sync_directory(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}
