//! The durable log of changes.

/// A change could not be written; it was not made.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("cannot write {path}: {source}; free space or mend the disk, then try again")]
    Write { path: std::path::PathBuf, source: std::io::Error },
}
