//! Reading the file back: what was acknowledged is there, or the start is refused.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::record::{HEADER, Record, decode, header};
use super::{JournalError, MAGIC};
use crate::files::beside;
use crate::store::{Object, ResourceRef};

/// A change read back.
#[derive(Debug)]
pub(in crate::store) enum Change {
    Put(ResourceRef, Object),
    Delete { resource: ResourceRef, namespace: String, name: String },
}

/// What the file holds.
#[derive(Debug, Default)]
pub(super) struct Recovered {
    pub(super) changes: Vec<Change>,
    pub(super) version: u64,
    /// Where the next record goes.
    pub(super) end: u64,
}

/// Reads all records, up to the zeros that may fill the rest. A last one that a crash left unfinished is blanked (and kept
/// beside the file); damage before whole records is refused.
pub(super) fn recover(path: &Path, file: &File) -> Result<Recovered, JournalError> {
    let failed = |source| JournalError::Read { path: path.into(), source };
    let length = file.metadata().map_err(failed)?.len();
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let mut magic = [0; MAGIC.len()];
    if reader.read_exact(&mut magic).is_err() || magic != *MAGIC {
        return Err(JournalError::Foreign { path: path.into() });
    }
    let mut recovered = Recovered { end: MAGIC.len() as u64, ..Recovered::default() };
    let mut payload = Vec::new();
    while recovered.end < length {
        let read = next(&mut reader, &mut payload).map_err(failed)?;
        if !read || recovered.take(&payload).is_none() {
            blank_torn(path, file, recovered.end)?;
            break;
        }
        recovered.end += (HEADER + payload.len()) as u64;
    }
    Ok(recovered)
}

impl Recovered {
    fn take(&mut self, payload: &[u8]) -> Option<()> {
        match decode(payload)? {
            Record::Base { version } => self.version = self.version.max(version),
            Record::Put { resource, json } => {
                let object = Object::from_json(Bytes::copy_from_slice(json)).ok()?;
                self.version = self.version.max(object.meta.resource_version);
                self.changes.push(Change::Put(resource.to_ref(), object));
            }
            Record::Delete { version, resource, namespace, name } => {
                self.version = self.version.max(version);
                let (namespace, name) = (namespace.into(), name.into());
                self.changes.push(Change::Delete { resource: resource.to_ref(), namespace, name });
            }
        }
        Some(())
    }
}

/// The next payload; `false`: none that is whole.
fn next(reader: &mut impl Read, payload: &mut Vec<u8>) -> io::Result<bool> {
    let mut bytes = [0; HEADER];
    if !fill(reader, &mut bytes)? {
        return Ok(false);
    }
    let Some((length, checksum)) = header(bytes) else { return Ok(false) };
    payload.resize(length, 0);
    Ok(fill(reader, payload)? && crc32fast::hash(payload) == checksum)
}

fn fill(reader: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        other => other.map(|()| true),
    }
}

/// A crash leaves something unfinished at the end and nothing whole behind it.
fn blank_torn(path: &Path, mut file: &File, from: u64) -> Result<(), JournalError> {
    let failed = |source| JournalError::Read { path: path.into(), source };
    let mut torn = Vec::new();
    file.seek(SeekFrom::Start(from)).and_then(|_| file.read_to_end(&mut torn)).map_err(failed)?;
    let Some(last) = torn.iter().rposition(|byte| *byte != 0) else { return Ok(()) };
    if let Some(next) = (1..=last).find(|at| is_whole(&torn[*at..])) {
        return Err(JournalError::Corrupt { path: path.into(), offset: from, next: from + next as u64 });
    }
    torn.truncate(last + 1);
    let kept = torn_path(path, from);
    fs::write(&kept, &torn).map_err(|source| JournalError::Write { path: kept.clone(), source })?;
    file.write_all_at(&vec![0; torn.len()], from).map_err(failed)?;
    tracing::warn!(
        file = %path.display(), offset = from, bytes = torn.len(), kept = %kept.display(),
        "the last record was not finished when the process ended: taken out, nothing acknowledged is lost"
    );
    Ok(())
}

fn is_whole(bytes: &[u8]) -> bool {
    let Some((head, rest)) = bytes.split_first_chunk::<HEADER>() else { return false };
    let Some((length, checksum)) = header(*head) else { return false };
    rest.get(..length).is_some_and(|payload| crc32fast::hash(payload) == checksum)
}

fn torn_path(path: &Path, offset: u64) -> PathBuf {
    beside(path, &format!(".torn-{offset}"))
}
