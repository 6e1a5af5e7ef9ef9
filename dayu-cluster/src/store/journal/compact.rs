//! Writing the file anew with what is alive.
//!
//! The bulk is written while the store goes on; only what was appended meanwhile is copied under the store's lock.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::record::{Record, encode};
use super::room::{Room, SPARE};
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

    /// Puts the new file in the place of the old one, with what was appended meanwhile.
    pub(in crate::store) fn finish_compaction(&mut self, rewritten: Rewritten) -> Result<(), JournalError> {
        let Rewritten { compaction, file, end } = rewritten;
        let length = self.end - compaction.covered;
        self.replace_by(&file, end, compaction.covered).map_err(|source| compaction.failed(&file, source))?;
        // From here on the new file is the one, whatever the disk says of its name.
        if let Err(error) = sync_directory(&self.path) {
            tracing::warn!(%error, file = %self.path.display(), "a power cut may bring back the file before it was written anew");
        }
        self.end = end + length;
        self.compacted = self.end;
        self.disk = Arc::new(file);
        self.syncer.replace(self.disk.clone());
        self.room = Room::none(self.end);
        // Only now the blocks of the old file are free.
        if self.hold_reserves() {
            self.trouble.send_if_modified(std::mem::take);
        }
        Ok(())
    }

    fn replace_by(&self, file: &File, end: u64, covered: u64) -> io::Result<()> {
        let mut meanwhile = vec![0; usize::try_from(self.end - covered).unwrap_or_default()];
        File::open(&self.path)?.read_exact_at(&mut meanwhile, covered)?;
        file.write_all_at(&meanwhile, end)?;
        // What an attempt before this one has left behind it, and the rest of the spare blocks.
        file.set_len(end + meanwhile.len() as u64)?;
        file.sync_data()?;
        fs::rename(fresh(&self.path), &self.path)
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
            Err(source) => Err(self.failed(&file, source)),
        }
    }

    /// Half a new file is of no use, and the disk may be full of it: all goes but the blocks that it has in reserve.
    fn failed(&self, file: &File, source: io::Error) -> JournalError {
        let _ = file.set_len(SPARE);
        JournalError::Write { path: fresh(&self.path), source }
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
    writer.flush()?;
    drop(writer);
    file.sync_data()?;
    Ok(end)
}

/// Where the file is written anew; between two times, blocks are kept there for it.
pub(super) fn fresh(path: &Path) -> PathBuf {
    beside(path, ".new")
}

fn sync_directory(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}
