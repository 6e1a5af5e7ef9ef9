//! Writing the file anew with what is alive.
//!
//! The bulk is written while the store goes on; only what was appended meanwhile is copied under the store's lock.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::record::{Record, encode};
use super::{Journal, JournalError, MAGIC};
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
        let fresh = fresh(&self.path);
        let failed = |source| JournalError::Write { path: fresh.clone(), source };
        let old = File::open(&self.path).map_err(failed)?;
        let length = usize::try_from(self.end - compaction.covered).unwrap_or_default();
        let mut meanwhile = vec![0; length];
        old.read_exact_at(&mut meanwhile, compaction.covered)
            .and_then(|()| file.write_all_at(&meanwhile, end))
            .and_then(|()| file.sync_data())
            .and_then(|()| fs::rename(&fresh, &self.path))
            .and_then(|()| sync_directory(&self.path))
            .map_err(failed)?;
        self.end = end + meanwhile.len() as u64;
        self.compacted = self.end;
        self.disk = Arc::new(file);
        self.syncer.replace(self.disk.clone());
        Ok(())
    }
}

impl Compaction {
    pub(in crate::store) fn write(
        self,
        version: u64,
        objects: &[(ResourceRef, Arc<Object>)],
    ) -> Result<Rewritten, JournalError> {
        let fresh = fresh(&self.path);
        match write(&fresh, version, objects) {
            Ok((file, end)) => Ok(Rewritten { compaction: self, file, end }),
            Err(source) => {
                // Half a new file is of no use, and the disk may be full of it.
                let _ = fs::remove_file(&fresh);
                Err(JournalError::Write { path: fresh, source })
            }
        }
    }
}

fn write(path: &Path, version: u64, objects: &[(ResourceRef, Arc<Object>)]) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let mut writer = BufWriter::with_capacity(256 * 1024, &file);
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
    Ok((file, end))
}

fn fresh(path: &Path) -> PathBuf {
    beside(path, ".new")
}

fn sync_directory(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}
